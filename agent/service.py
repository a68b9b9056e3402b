"""The process as a service: stop on a signal, tell systemd what is going on."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def exit_when_a_thread_dies() -> None:
    """Crash-only: a thread that ends by an exception takes the process with it, for a clean restart."""

    def crash(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread else "?"
        log.critical("thread '%s' died", name, exc_info=args.exc_value)
        os._exit(1)

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
    """Feeds systemd's watchdog, at most once a second and only while `progressing` says so."""

    def __init__(self, progressing: Callable[[], bool]) -> None:
        self._progressing = progressing
        self._fed_s = 0.0

    def feed(self) -> None:
        """Call whenever the main loop has come round."""
        if time.monotonic() - self._fed_s >= 1.0 and self._progressing():
            notify("WATCHDOG=1")
            self._fed_s = time.monotonic()
