"""How the station stands, as systemd and the log have it: each change at once, what repeats itself once a minute."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from agent import repeated
from agent.config import StationConfig
from agent.inspection import Reason, Verdict
from agent.plc.decision import Decision
from agent.plc.parts_log import PartsLog
from agent.standing import Standing, Waiting
from tests.results.records import trigger
from tests.systemd import statuses, told_to_systemd

ERROR = "PART_ID_ERROR: clear the belt, then CLEAR_FAULT"


def test_offline_is_said_instead_of_ready_and_ready_again_after_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now = [ERROR]
    standing = Standing(StationConfig(line="line1", name="cam1", state_dir=tmp_path), lambda: now[0])
    with told_to_systemd(tmp_path / "notify") as messages:
        for now[0] in (ERROR, ERROR, "", "", ERROR):
            standing.say()
    assert statuses(messages) == [f"offline: {ERROR}", "inspecting", f"offline: {ERROR}"]
    assert caplog.messages == [f"offline: {ERROR}", "READY: line line1, station cam1", f"offline: {ERROR}"]


def test_what_is_waited_for_is_logged_on_change_and_told_to_systemd_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    waiting = Waiting()
    with told_to_systemd(tmp_path / "notify") as messages:
        for what in ["camera x: no such device"] * 5 + ["PLC: connecting"] * 5:
            waiting.say(what)
    assert caplog.messages == ["waiting: camera x: no such device", "waiting: PLC: connecting"]
    assert len(statuses(messages)) == 10


def test_while_out_of_step_one_line_stands_for_many_parts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(seq: int, reason: Reason) -> None:
        parts_log.no_decision(Decision(trigger(seq), Verdict.NO_DECISION, reason, 0, "why"))

    parts_log = PartsLog()
    for seq in range(1, 101):
        refuse(seq, Reason.FRAME_MISMATCH)
    assert caplog.messages == ["part 1001: no decision (frame_mismatch: why)"]
    monkeypatch.setattr(repeated, "AGAIN_S", 0.0)  # a minute later
    refuse(101, Reason.FRAME_MISMATCH)
    assert caplog.messages[1:] == ["part 1101: no decision (frame_mismatch: why), 100 parts since this was said last"]
    monkeypatch.undo()
    for seq in (102, 103):
        refuse(seq, Reason.DEADLINE)
    assert len(caplog.messages) == 4, "every other reason is of the part alone"
