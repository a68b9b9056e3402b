"""What a person sees in `linegate watch`: parts, how the station stands, what is lost, and that nothing comes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from agent.event import Event
from agent.inspection import Verdict
from agent.messages import DefectRecord, ResultMessage, StatusMessage, Upkeep
from agent.monitor.pulse import Pulse
from agent.plc.decision import Situation
from agent.raised import Raised
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.publisher import Publisher
from agent.subscriber.follower import Trouble
from agent.watch.lines import has_no_plc, result_line, status_line
from agent.watch.table import Board
from agent.watch.watch import WatchOptions, lines
from tests.conftest import ROOT
from tests.results.outlet import Outlet
from tests.results.records import identity, inspect, journal_at
from tests.waiting import PATIENCE_S, local_ports

SILENT = ": no pulse for 1 s: station down, or still waiting for camera or PLC: systemctl status 'linegate@*'"


def said(watched: Iterator[Text], count: int) -> list[str]:
    return [line.plain for line in islice(watched, count)]


def test_the_stations_state_is_a_line_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.results.publisher.STATUS_S", 0.05)
    endpoints = local_ports()
    watched = lines(WatchOptions(endpoints.results, endpoints.replay, since=0, patience_s=1))
    assert said(watched, 1) == [endpoints.results + SILENT], "nobody is there yet"

    journal = journal_at(tmp_path / "journal.sqlite")
    sockets = Endpoints(endpoints)
    pulse = Pulse(identity(), journal, Raised())
    publisher = Publisher(endpoints, sockets, identity(), pulse.beat)
    history = HistoryServer(sockets, identity(), tmp_path / "journal.sqlite")
    journal.on_completed(publisher.publish)
    now = Situation(("ONLINE", "READY"))
    pulse.begin(lambda: now, ())
    first = said(watched, 1)
    assert (said(watched, 1) if first == ["station OFFLINE"] else first) == ["station ONLINE READY"]

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


# --- real stations ---------------------------------------------------------------------------------------------------


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet(tmp_path / "journal.sqlite")
    yield outlet
    outlet.stop()


def test_a_restart_and_what_an_operator_did_are_lines_too(outlet: Outlet) -> None:
    watched = lines(WatchOptions(outlet.endpoints.results, outlet.endpoints.replay))
    assert said(watched, 1) == ["station OFFLINE"]
    outlet.journal.record(Event("command", "pause", "for the shift's end", "R. Diaz"))
    assert said(watched, 1)[0].endswith("command pause by R. Diaz: for the shift's end")
    outlet.stop()
    outlet.start()
    assert said(watched, 1) == ["station line1/cam1 has been restarted: agent_epoch 2"]


def test_the_newest_come_first_and_nothing_is_missed_after_them(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 11))
    with closing(WatchOptions(outlet.endpoints.results, outlet.endpoints.replay, last=3).heard()) as heard:  # type: ignore[type-var]
        results = (message.message_id for message in heard if isinstance(message, ResultMessage))
        assert list(islice(results, 3)) == [8, 9, 10]
        inspect(outlet.journal, 11)
        assert next(results) == 11


def test_a_station_that_is_not_there_yet_is_waited_for_with_last_as_well(tmp_path: Path) -> None:
    config = local_ports()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.subscriber.replay_client.REPLAY_TIMEOUT_MS", 100)
        patch.setattr("agent.watch.watch.RETRY_S", 0.1)
        heard = WatchOptions(config.results, config.replay, last=3).heard()
        trouble = next(heard)
        assert isinstance(trouble, Trouble)
        assert "no station answers" in str(trouble)
        outlet = Outlet(tmp_path / "journal.sqlite", config)
        inspect(outlet.journal, 1)
        result = next(heard)
        assert isinstance(result, ResultMessage)
        outlet.stop()


def watching(outlet: Outlet, *options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """`linegate watch` as a process of its own."""
    command = [sys.executable, "-m", "agent", "watch", "--results", outlet.endpoints.results,
               "--replay", outlet.endpoints.replay, *options]  # fmt: skip
    environment = os.environ | {"COLUMNS": "120", "LINES": "30", "TERM": "xterm"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stdout, stderr=subprocess.PIPE)


def test_json_is_one_wanted_result_a_line(outlet: Outlet) -> None:
    """For other programs: everything else goes to stderr."""
    inspect(outlet.journal, 1, 2)
    inspect(outlet.journal, 3, verdict=Verdict.REJECT)
    inspect(outlet.journal, 4, verdict=Verdict.NO_DECISION)
    outlet.journal._writer._db.execute("DELETE FROM inspections WHERE message_id = 1")
    with watching(outlet, "--since", "0", "--json", "--verdict", "reject", "--verdict", "no_decision") as process:
        assert process.stdout
        assert process.stderr
        found = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [(row["message_id"], row["verdict"]) for row in found] == [(3, "reject"), (4, "no_decision")]
        lost = b"warning: results after 0 go on at 2, 1 to 1 are lost: the station's journal begins at 2\n"
        assert process.stderr.readline() == lost
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr.read() == b"stopped\n"


def test_a_terminal_gets_a_live_table(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 60))
    inspect(outlet.journal, 60, verdict=Verdict.REJECT)
    ours, theirs = pty.openpty()
    with watching(outlet, "--last", "60", stdout=theirs) as process:
        os.close(theirs)
        screen = b""
        end_s = time.monotonic() + PATIENCE_S
        while b"60 parts   yield 98.33%" not in screen or b"line1/cam1" not in screen:
            assert time.monotonic() < end_s, screen
            screen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        while True:  # a terminal that nobody reads would hold it up
            try:
                screen += os.read(ours, 4096)
            except OSError:
                break
        assert process.wait(PATIENCE_S) == 130
    os.close(ours)
    assert b"reject 1" in screen


# --- what is shown ---------------------------------------------------------------------------------------------------


def golden_result(**changes: object) -> ResultMessage:
    documents = json.loads((Path(__file__).parent / "golden" / "insp.result-1.json").read_text())
    return ResultMessage.model_validate(documents[-2] | changes)


def status(**changes: object) -> StatusMessage:
    document = json.loads((Path(__file__).parent / "golden" / "insp.status-1.json").read_text())[0]
    return StatusMessage.model_validate(document | changes)


def test_a_station_without_a_plc_has_no_plc_that_does_not_speak() -> None:
    alone = golden_result(acknowledged_ns=None, plc_action="unknown", latencies_ms={"run": 8.1})
    assert "PLC" not in result_line(alone, standalone=True).plain
    assert "PLC" not in result_line(alone).plain, "before the first pulse nobody knows"
    assert "PLC unknown" in result_line(alone, standalone=False).plain, "it died before it had heard from its PLC"
    assert " 12.0 ms" in result_line(alone, standalone=True).plain, "from trigger to decision"
    assert "PLC rejected" in result_line(golden_result()).plain


def test_a_station_that_starts_does_not_say_whether_it_has_a_plc() -> None:
    assert has_no_plc(status(plc_status=["STANDALONE"]), None) is True
    assert has_no_plc(status(plc_status=[]), True) is True
    assert has_no_plc(status(plc_status=["ONLINE"]), True) is False


@pytest.mark.parametrize(
    ("verdicts", "classes", "shown"),
    [((), (), True), (("reject",), (), True), (("pass",), (), False), ((), ("crack", "fray"), True),
     ((), ("blowhole",), False), (("reject",), ("blowhole",), False)],
)  # fmt: skip
def test_filters(verdicts: tuple[str, ...], classes: tuple[str, ...], shown: bool) -> None:
    small = DefectRecord(name="blowhole", score=0.9, area_mm2=0.01, length_mm=0.1, x_mm=1, y_mm=1, counts=False)
    message = golden_result()
    message.defects.append(small)
    watched = WatchOptions("", "", verdicts=frozenset(verdicts), classes=frozenset(classes))
    assert watched.shows(message) is shown


def test_everything_beside_the_parts_that_is_wrong_is_on_the_line() -> None:
    upkeep = Upkeep(paused_by="R. Diaz", journal_trouble="disk full", drifting=["mean_grey"], clients_refused=2)
    line = status_line(status(plc_status=["ONLINE"], upkeep=upkeep.model_dump())).plain
    assert line == ("station ONLINE  paused by R. Diaz  journal: disk full  drifting: mean_grey  clients refused: 2")


def test_that_results_wait_for_the_disk_is_on_the_line() -> None:
    upkeep = Upkeep(journal_trouble="disk full", rows_waiting=4)
    line = status_line(status(plc_status=["READY"], upkeep=upkeep.model_dump())).plain
    assert line == "station READY  journal: disk full: results wait for it"


def test_the_table_counts_what_is_in_yield_and_fits_its_screen() -> None:
    board = Board()
    for _ in range(40):
        board.take(golden_result(verdict="pass"), shown=False)
    for special in ({"kind": "gap"}, {"challenge": True}, {"bypass": True}):
        board.take(golden_result(**special), shown=True)
    for number in range(10):
        board.take(golden_result(message_id=100 + number), shown=True)
    board.take(status(plc_status=["STANDALONE", "READY"], alarms=["DEFECT"]), shown=False)
    board.take(Trouble("tcp://station:5556", "no pulse"), shown=False)
    console = Console(width=120, height=18, file=open(os.devnull, "w"), record=True)  # noqa: SIM115
    console.print(board.view(18))
    text = console.export_text()
    assert "50 parts   yield 80.00%" in text
    assert "gaps 1   challenges 1   bypassed 1" in text
    assert "alarms: DEFECT   SILENT" in text
    assert "tcp://station:5556: no pulse" in text
    assert "109" in text
    assert "100" not in text, "the newest alone have room"
    assert " PLC " not in text
    assert len(text.splitlines()) <= 18
