"""What an operator sees in `linegate watch` besides results: how the station stands, and that nothing comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from rich.text import Text

from agent.local_line import free_port
from agent.plc.decision import Situation
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.publisher import Publisher
from agent.results.watch import Watched, lines
from agent.results_config import PublisherConfig
from tests.results.records import identity, inspect, journal_at

SILENT = ": no pulse for 1 s: station down, or still waiting for camera or PLC: systemctl status 'linegate@*'"


def said(watched: Iterator[Text], count: int) -> list[str]:
    return [line.plain for line in islice(watched, count)]


def test_the_stations_state_is_a_line_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.results.publisher.STATUS_S", 0.05)
    endpoints = PublisherConfig(results=f"tcp://127.0.0.1:{free_port()}", replay=f"tcp://127.0.0.1:{free_port()}")
    watched = lines(Watched(endpoints.results, endpoints.replay, since=0, patience_s=1))
    assert said(watched, 1) == [endpoints.results + SILENT], "nobody is there yet"

    journal = journal_at(tmp_path / "journal.sqlite")
    sockets = Endpoints(endpoints)
    publisher = Publisher(endpoints, sockets, identity())
    history = HistoryServer(sockets, identity(), tmp_path / "journal.sqlite")
    journal.on_completed(publisher.publish)
    now = Situation(("ONLINE", "READY"))
    publisher.on_status(lambda: now)
    assert said(watched, 1) == ["station ONLINE READY"]

    now = replace(now, status=("ONLINE", "READY", "BUSY", "RESULT_PENDING"), no_decisions={})  # a part: no line
    inspect(journal, 1)
    assert "part 1001" in said(watched, 1)[0]
    now = replace(now, no_decisions={"frame_timeout": 1})
    assert said(watched, 1) == ["station ONLINE READY  no decision so far: frame_timeout 1"]
    now = Situation(("PART_ID_ERROR",), ("UNSOLICITED_FRAME",), no_decisions={"frame_timeout": 7}, unsolicited_frames=2)
    assert said(watched, 1) == [
        "station PART_ID_ERROR  alarms: UNSOLICITED_FRAME  no decision so far: frame_timeout 7  frames of no part: 2"
    ]
    publisher.close()
    history.close()
    sockets.close()
    journal.close()
    assert said(watched, 1) == [endpoints.results + SILENT], "once, when it ceases"
