"""Log lines: every format shows the same fields, a storm is told in one line, and whoever logs never waits."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from logging_journald import JournaldTransport

from agent.errors import Fault
from agent.inspection import Reason, Verdict
from agent.log import storm
from agent.log.about import about, every_line_has
from agent.log.fields import to_fields
from agent.log.formats import json_line, prefixed_line, text_line
from agent.log.happening import Happening
from agent.log.outlet import FOR_CRITICAL, MOST_WAITING, Outlet
from agent.log.sinks import to_file, to_journald
from agent.plc.decision import Decision
from agent.plc.parts_log import tell_no_decision
from tests.conftest import ROOT, Linegate
from tests.results.records import trigger
from tests.waiting import wait_until

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def known_station(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.log.about._known", {})
    every_line_has(LINE="line1", STATION="cam1", AGENT_EPOCH=7)


class Lines:
    """Whatever a sink was given; while it is `held` it takes none."""

    def __init__(self) -> None:
        self.fields: list[dict[str, Any]] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, fields: dict[str, Any]) -> None:
        self.open.wait()
        self.fields.append(fields)

    @property
    def said(self) -> list[str]:
        return [fields["MESSAGE"] for fields in self.fields]


@contextmanager
def logging_to(sink: Callable[[dict[str, Any]], None]) -> Iterator[Outlet]:
    """As a station's log; flushed in the end."""
    root, outlet = logging.getLogger(), Outlet(sink)
    before = root.level
    root.addHandler(outlet)
    root.setLevel(logging.INFO)
    try:
        yield outlet
        outlet.flush()
    finally:
        root.removeHandler(outlet)
        root.setLevel(before)


def no_decision(seq: int, reason: Reason = Reason.FRAME_TIMEOUT) -> None:
    tell_no_decision(Decision(trigger(seq), Verdict.NO_DECISION, reason, 0, "no frame within 100 ms"))


def a_record() -> logging.LogRecord:
    """One line that has everything, always the same."""
    try:
        raise ValueError("two\nlines")
    except ValueError as cause:
        error = Fault("lost")
        error.__cause__ = cause
    about_it = about(Happening.NO_DECISION, trigger(17), REASON="deadline", VERDICT="no_decision")
    record = logging.getLogger("agent.x").makeRecord(
        "agent.x", logging.WARNING, "x.py", 1, "part %d: \x1b[31mred\nINFO forged", (1017,), (Fault, error, None),
        extra=about_it)  # fmt: skip
    record.created, record.threadName = 1_790_000_000.0125, "plc-link"
    return record


def test_the_same_fields_as_text_and_as_json() -> None:
    fields = to_fields(a_record())
    assert fields.pop("TRACEBACK").count("Error: two") == 1
    assert json.loads(json_line(fields)) == json.loads((GOLDEN / "log_line.json").read_text())
    assert prefixed_line(fields) == f"<4>{json_line(fields)}"
    line = text_line(fields)
    assert line.endswith(" WARNING part 1017: \\x1b[31mred; INFO forged"), "nobody forges a line or paints the terminal"
    assert text_line(fields, coloured=True) == f"\033[33m{line}\033[0m"


def test_an_error_that_nobody_foresaw_is_one_line_that_says_where() -> None:
    lines = Lines()
    with logging_to(lines):
        try:
            int("x")
        except ValueError as error:
            logging.getLogger("agent.x").critical("thread 'y' died", exc_info=error, extra=about(Happening.CRASH))
    (line,) = lines.fields
    assert line["MESSAGE"].startswith("thread 'y' died: ValueError: invalid literal for int()")
    assert "(test_log.py:" in line["MESSAGE"]
    assert line["TRACEBACK"].startswith("Traceback (most recent call last)")
    assert line["PRIORITY"] == 2


def test_journald_gets_each_field_by_its_own_protocol(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journald:
        journald.bind(str(tmp_path / "socket"))
        with logging_to(to_journald(JournaldTransport(tmp_path / "socket", connected=False))):
            logging.getLogger("agent.x").handle(a_record())
        fields = dict(native(journald.recv(65_536)))
    assert fields["MESSAGE_ID"] == "07b5d1937fc44e0d8806654cc0b583d2"
    wanted = {"PART_ID": "1017", "TRIGGER_SEQ": "17", "PRIORITY": "4", "REASON": "deadline", "STATION": "cam1"}
    assert wanted.items() <= fields.items()
    assert fields["TRACEBACK"].count("\n") > 3, "a value of several lines goes with its length"


def native(datagram: bytes) -> Iterator[tuple[str, str]]:
    """systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    while datagram:
        head, datagram = datagram.split(b"\n", 1)
        name, is_short, value = head.partition(b"=")
        if not is_short:
            (length,) = struct.unpack("<Q", datagram[:8])
            value, datagram = datagram[8 : 8 + length], datagram[9 + length :]
        yield name.decode(), value.decode()


def test_a_storm_is_told_in_one_line_that_every_part_of_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storm, "PERIOD_S", 0.2)
    lines = Lines()
    with logging_to(lines):
        for seq in range(1, 101):
            no_decision(seq)
        no_decision(500, Reason.DEADLINE)
        wait_until(lambda: len(lines.said) == 7, "the storm is summed up by itself", lambda: lines.said)
        assert lines.said[4] == "part 1005 (trigger 5): no decision (frame_timeout: no frame within 100 ms)"
        assert lines.said[5].startswith("part 1500 "), "another reason is another kind"
        assert lines.said[6].startswith(
            "… and 95 more like it in the last 0 s (parts 1006–1100), the newest: part 1100 "
        )
        summary = lines.fields[6]
        assert (summary["PART_ID"], summary["HELD_BACK"]) == ([*range(1006, 1101)], 95)
        assert summary["MESSAGE_ID"] == Happening.NO_DECISION.value
        assert "TRIGGER_SEQ" not in summary, "that is of one part"
        no_decision(501)
    assert lines.said[7].startswith("… and 1 more like it"), "what is held back when the process ends is told then"
    with logging_to(lines):
        no_decision(600)
    assert lines.said[8].startswith("part 1600 "), "the storm is over"


def test_critical_lines_are_never_held_back() -> None:
    lines = Lines()
    with logging_to(lines):
        for number in range(50):
            logging.getLogger("agent.x").critical("part %d passed", number)
    assert len(lines.said) == 50


def test_nobody_waits_for_lines_that_nobody_takes_and_their_number_is_told() -> None:
    lines = Lines()
    lines.open.clear()
    log = logging.getLogger("agent.x")
    with logging_to(lines) as outlet:
        begun_s = time.monotonic()
        for number in range(3000):
            log.warning(f"kind {number}")
        for number in range(FOR_CRITICAL):
            log.critical("why the process ends: %d", number)
        took_s = time.monotonic() - begun_s
        assert outlet._queue.qsize() <= MOST_WAITING + FOR_CRITICAL
        begun_s = time.monotonic()
        outlet.flush()
        assert time.monotonic() - begun_s < 2, "an ending process does not wait for it either"
        assert took_s < 10
        lines.open.set()
        wait_until(lambda: any("log lines are lost" in said for said in lines.said), "it is told", lambda: lines.said)
    assert sum(said.startswith("why the process ends") for said in lines.said) == FOR_CRITICAL
    lost = next(fields for fields in lines.fields if fields.get("MESSAGE_ID") == Happening.LINES_LOST.value)
    told = sum(said.startswith("kind ") for said in lines.said)
    assert told + lost["HELD_BACK"] == 3000


def test_a_line_is_whole_on_a_pipe_that_somebody_else_has_made_non_blocking() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    text = "x" * 300_000
    with open(reader) as lines:
        writing = threading.Thread(target=to_file(writer, lambda fields: fields["MESSAGE"]), args=({"MESSAGE": text},))
        writing.start()
        assert lines.readline() == f"{text}\n"
        writing.join()
    os.close(writer)


def test_a_slip_in_a_log_call_and_a_sink_that_is_gone_end_nothing() -> None:
    lines = Lines()

    def gone(fields: dict[str, Any]) -> None:
        lines(fields)
        raise BrokenPipeError

    with logging_to(gone) as outlet:
        outlet.handle(logging.LogRecord("agent.x", logging.WARNING, "x.py", 1, "%d parts", ("three",), None))
        logging.getLogger("agent.x").warning("next")
    assert lines.said[0] == "%d parts ('three',)"
    assert "next" in lines.said


def test_the_documented_ids_are_these_and_no_two_are_the_same() -> None:
    told = re.findall(r"^\| `(\w+)` \| `([0-9a-f]{32})` \|", (ROOT / "docs" / "operation.md").read_text(), re.MULTILINE)
    assert dict(told) == {happening.name.lower(): happening.value for happening in Happening}
    assert len({id_ for _, id_ in told}) == len(told) == len(Happening)


def test_a_bad_config_is_one_line_of_json(linegate: Linegate, tmp_path: Path) -> None:
    result = linegate("run", "--log-format", "json", tmp_path / "none.toml")
    assert result.returncode == 78
    assert result.stderr.count("\n") == 1
    wanted = {"PRIORITY": 3, "EVENT": "bad_config", "MESSAGE_ID": Happening.BAD_CONFIG.value}
    assert wanted.items() <= json.loads(result.stderr).items()
