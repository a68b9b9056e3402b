"""Those who follow the station from outside, and what each of them has heard."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Event

from agent.messages import ResultMessage, StatusMessage
from agent.subscriber.subscriber import Break, Trouble, follow, subscribe
from tests.conftest import ROOT
from tests.soak.books import VERDICTS, Book

STAYS_S, AWAY_S = 40.0, 10.0
"""So long one of the subscribers listens before it leaves, and before it comes back for what it has missed."""
SCRAPE_S = 10.0
END_S = 5.0


class Listeners:
    """`endpoints` of the station: one who stays, one who comes and goes, `linegate watch`, and Prometheus."""

    def __init__(self, endpoints: dict[str, str], position: Path, metrics: str | None) -> None:
        self._results, self._replay, self._position, self._metrics = (
            endpoints["results"], endpoints["replay"], position, metrics,
        )  # fmt: skip
        self.books = [Book(name, VERDICTS) for name in ("a subscriber", "one that comes and goes", "linegate watch")]
        self.pulse: StatusMessage | None = None
        """The newest."""
        self.gap_ms = 0.0
        """The longest time between two heartbeats at the PLC, since the first part."""
        self.returns = self.scrapes = 0
        """How often the one came back; how often Prometheus has got its page."""
        self._over, self._leaves = Event(), Event()
        self.watch = self._start_watch()
        work = (self._stay, self._come_and_go, self._read_watch, *((self._scrape,) if metrics else ()))
        self._threads = [threading.Thread(target=self._guarded, args=(one,), daemon=True) for one in work]
        self._failures: list[str] = []
        for thread in self._threads:
            thread.start()

    @property
    def failures(self) -> list[str]:
        """What a follower has died of."""
        return self._failures

    def close(self) -> None:
        """All leave."""
        self._over.set()
        self._leaves.set()
        self.watch.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.watch.wait(END_S)
        self.watch.kill()
        for thread in self._threads:
            thread.join(END_S)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # it shall be told at the end, not lost with its thread
            if not self._over.is_set():
                self._failures.append(f"{work.__name__.strip('_')}: {error!r}")

    def _stay(self) -> None:
        book = self.books[0]
        for heard in follow(self._results, self._replay, since=0, stop=self._over):
            if isinstance(heard, ResultMessage):
                book.note(heard.trigger_seq, heard.part_id, heard.verdict)
            elif isinstance(heard, StatusMessage):
                self.pulse = heard
                if heard.inspected:  # those before span the start
                    self.gap_ms = max(self.gap_ms, heard.plc_write_gap_ms)
            elif isinstance(heard, Break | Trouble) and not self._over.is_set():
                book.trouble(str(heard))

    def _come_and_go(self) -> None:
        book, since = self.books[1], 0
        while not self._over.is_set():
            self._leaves = leaves = Event()
            timer = threading.Timer(STAYS_S, leaves.set)
            timer.daemon = True
            timer.start()
            for result in subscribe(self._results, self._replay, since, position=self._position, stop=leaves):
                book.note(result.trigger_seq, result.part_id, result.verdict)
            timer.cancel()
            self.returns += 1
            self._over.wait(AWAY_S)

    def _start_watch(self) -> Popen[bytes]:
        command = ["watch", "--json", "--since", "0", "--results", self._results, "--replay", self._replay]
        return Popen(
            [sys.executable, "-m", "agent", *command],
            stdin=subprocess.DEVNULL, stdout=PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, process_group=0,
        )  # fmt: skip

    def _read_watch(self) -> None:
        assert self.watch.stdout is not None
        for line in self.watch.stdout:
            said = json.loads(line)
            self.books[2].note(said["trigger_seq"], said["part_id"], said["verdict"])

    def _scrape(self) -> None:
        while not self._over.wait(SCRAPE_S):
            with urllib.request.urlopen(f"http://{self._metrics}/metrics", timeout=SCRAPE_S) as page:
                assert page.read().endswith(b"\n")
            self.scrapes += 1


def wait_for(met: Callable[[], object], limit_s: float) -> bool:
    """Poll until it is so; False: not within the limit."""
    end_s = time.monotonic() + limit_s
    while not met():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.1)
    return True
