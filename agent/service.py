"""The process as a service: stop on a signal, tell systemd what is going on, and that it goes on."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.health import Health
from agent.log.about import about
from agent.log.happening import Happening
from agent.log.last_words import end_process, where_all_are
from agent.worker import CLOSE_S, Worker, left_behind

log = logging.getLogger(__name__)

FEED_S = 0.5


def unit_of(config: Path) -> str:
    """The unit that runs a station, by its file's name: /etc/linegate/line1.toml is linegate@line1.service."""
    return f"linegate@{config.stem}.service"


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a start reads the recipes anyway
    return stop


def reload_on_hangup(read_again: Callable[[], None]) -> None:
    """SIGHUP (`systemctl reload`) calls `read_again`, which takes no time; of the main thread, as signals go there."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, lambda *_: read_again())


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Signals end the process at once: for a call that may take long and hears of none, while nothing needs an end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def ends_without_those_left_behind() -> Iterator[None]:
    """All has been closed, and a thread is still in a library: Python would tear it out of there, and crash of it."""
    code: object = 0
    try:
        yield
    except SystemExit as end:
        if not left_behind:
            raise
        code = end.code
    if left_behind:
        end_process(code if isinstance(code, int) else 1)


def exit_when_a_thread_dies() -> None:
    """Crash-only: a thread that ends by an exception takes the process with it, for a clean restart."""

    def crash(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "?"
        try:
            log.critical("thread '%s' died", name, exc_info=args.exc_value, extra=about(Happening.CRASH))
        finally:
            end_process()

    threading.excepthook = crash


def notify(message: str) -> None:
    """Send `READY=1`, `STATUS=…`, `WATCHDOG=1` … to systemd; does nothing where there is none.

    Source: sd_notify(3), the datagram protocol over $NOTIFY_SOCKET ('@' = abstract).
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(message.encode(), address)
        except OSError as error:
            log.warning("systemd was not notified of %r: %s", message, error)


class Watchdog:
    """Feeds systemd's watchdog, from a thread of its own, while all that a part needs makes progress; close it.

    The link's thread ends the process when a stage hangs; here it is ended when one of `threads` has not come round
    lately, nor at the next look. (A process that was stopped and goes on finds all of them late, once.) systemd's part
    is the rest: a process that stands still as a whole. `also`: to be done each time.
    """

    def __init__(self, health: Health, threads: Mapping[str, Callable[[], bool]], also: Callable[[], None]) -> None:
        self._health, self._threads, self._also = health, threads, also
        self._worker = Worker("watchdog", self._watch)
        self._worker.start()

    def close(self, within_s: float = CLOSE_S) -> None:
        """From now on the time for stopping counts."""
        self._worker.close(within_s)

    def _watch(self) -> None:
        late: set[str] = set()
        while not self._worker.ending.wait(FEED_S):
            before, late = late, {name for name, progressing in self._threads.items() if not progressing()}
            for name in before & late:
                log.critical("the %s's thread hangs: exit for a clean restart", name,
                             extra=about(Happening.STAGE_HANGS, STAGE=name, THREADS=where_all_are()))  # fmt: skip
                end_process()
            if self._health.alive(time.monotonic_ns()):
                notify("WATCHDOG=1")
            self._also()
