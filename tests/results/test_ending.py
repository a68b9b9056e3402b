"""How a station ends: one deadline for all of it, rows first, and nothing is taken from a thread that still runs."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path

import pytest
import zmq

from agent import ending
from agent.ending import Ending
from agent.results.endpoints import Endpoints
from agent.worker import Worker
from tests.results.monitored import MonitoredStation
from tests.waiting import local_ports, wait_until


class Slow:
    """Takes all the time that it is given, or less."""

    def __init__(self, name: str, closed: list[tuple[str, float]], takes_s: float) -> None:
        self._name, self._closed, self._takes_s = name, closed, takes_s

    def close(self, within_s: float) -> None:
        self._closed.append((self._name, within_s))
        time.sleep(min(within_s, self._takes_s))


def test_what_all_parts_are_given_together_is_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "LIMIT_S", 0.4)
    closed: list[tuple[str, float]] = []
    with Ending() as opened:
        later = opened.later()
        opened.closes(Slow("journal", closed, 9))
        opened.closes(Slow("housekeeping", closed, 9), at_most_s=0.1)
        later.closes(Slow("archive", closed, 9))
        later.closes(Slow("publisher", closed, 9))
    assert [name for name, _ in closed] == ["housekeeping", "journal", "publisher", "archive"]
    given = dict(closed)
    assert given["housekeeping"] == 0.1
    assert 0 < given["journal"] <= 0.3
    assert given["publisher"] == given["archive"] == 0


def test_a_disk_that_takes_nothing_does_not_keep_a_station_from_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ending, "LIMIT_S", 0.6)
    with MonitoredStation(tmp_path, journal={"wait_ms": 1}) as station:
        blocker = sqlite3.connect(tmp_path / "state" / "journal.sqlite", isolation_level=None)
        wait_until(lambda: not station.records.journal.rows_waiting, "its start is written")
        blocker.execute("BEGIN IMMEDIATE")
        station.see(3)
    blocker.close()
    assert "rows are lost" in caplog.text
    wait_until(lambda: not station.records.journal._thread.is_alive(), "the disk was only late")


def test_a_socket_is_not_taken_from_a_thread_that_still_runs(caplog: pytest.LogCaptureFixture) -> None:
    endpoints, let_go = Endpoints(local_ports()), threading.Event()
    socket = endpoints.bind(zmq.ROUTER, "replay")

    def serve() -> None:
        let_go.wait(20)
        socket.close()

    worker = Worker("history", serve)
    worker.start()
    assert not worker.close(0.05)
    endpoints.close()
    assert not socket.closed
    assert "thread 'history' has not ended" in caplog.text
    assert "still in use at the end, and left so: replay" in caplog.text
    let_go.set()
    assert worker.close(20)
    endpoints.close()
    assert endpoints._context.closed
