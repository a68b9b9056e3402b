"""What an operator orders stands until further notice, over restarts too, and what no restart would know of is told."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.errors import ConfigError, Fault, UsageError
from agent.inspection import Frame, Inspection, Judgement, Reason, Verdict
from agent.messages import ControlRequest, ResultMessage
from agent.operator_orders import OperatorOrders
from agent.operators_hand import OperatorsHand
from agent.plc.ledger import Ledger
from agent.plc.register_map import Alarm
from agent.results.newest_photo import NewestPhoto
from agent.subscriber.control_client import take_snapshot
from tests.results.records import closed, decision

JOBS = (1, 2)
ASKED = ControlRequest(command="snapshot", who="R. Diaz")


class Parts:
    """Whoever announces them."""

    def __init__(self, job_of_plc: int | None = 0) -> None:
        self.job_of_plc, self.job = job_of_plc, 1

    def select_job(self, job: int, now_ns: int) -> None:
        self.job = job


def hand(folder: Path, parts: Parts, ledger: Ledger | None = None) -> OperatorsHand:
    """As a start of the station has it."""
    return OperatorsHand(ledger or Ledger(0), parts, threading.Lock(), OperatorOrders(folder, JOBS))


def test_pause_and_job_stand_over_a_restart_until_somebody_says_otherwise(tmp_path: Path) -> None:
    first = hand(tmp_path, Parts())
    first.pause("R. Diaz")
    first.select_job(2)
    again = Parts()
    second = hand(tmp_path, again)
    assert (second.paused_by, again.job) == ("R. Diaz", 2)
    assert second.offline() == "paused by R. Diaz: linegate resume"
    assert second.pause("A. Ito") == "the station was paused by R. Diaz already"
    assert second.resume() == "resumed: the station was paused by R. Diaz"
    second.select_job(1)
    third = Parts()
    assert hand(tmp_path, third).resume() == "nobody had paused the station"
    assert third.job == 1


def test_a_disk_that_takes_nothing_keeps_nobody_from_pausing_but_from_changing_the_job(tmp_path: Path) -> None:
    parts = Parts()
    operator = hand(tmp_path, parts)
    (tmp_path / "operator.json.new").mkdir()  # where it would be written
    assert "a restart will not know of it" in operator.pause("R. Diaz")
    assert operator.paused_by == "R. Diaz"
    with pytest.raises(Fault, match="the job stays as it was"):
        operator.select_job(2)
    assert parts.job == 1
    (tmp_path / "operator.json.new").rmdir()
    assert hand(tmp_path, Parts()).paused_by == ""


def test_where_the_plc_selects_the_job_or_clears_alarms_it_is_the_plcs_business(tmp_path: Path) -> None:
    parts = Parts(job_of_plc=3)
    operator = hand(tmp_path, parts)
    with pytest.raises(Fault, match="the PLC selects the job"):
        operator.select_job(2)
    with pytest.raises(Fault, match="by CLEAR_FAULT"):
        operator.clear_alarms()
    assert parts.job == 1


def test_alarms_without_a_plc_are_cleared_by_the_operator(tmp_path: Path) -> None:
    ledger = Ledger(0)
    operator = hand(tmp_path, Parts(job_of_plc=None), ledger)
    ledger.alarms.latch(Alarm.CHALLENGE_PASSED | Alarm.DRIFT)
    assert operator.clear_alarms() == "cleared: CHALLENGE_PASSED, DRIFT"
    assert not ledger.alarms.latched
    assert operator.clear_alarms() == "no alarm stood"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "remove it"),
        ('{"paused_by": 3}', "remove it"),
        ('{"job": 9}', "job 9, which is no recipe of this station any more"),
    ],
)
def test_a_file_that_cannot_be_obeyed_keeps_the_station_down(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "operator.json").write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        OperatorOrders(tmp_path, JOBS)


# --- the newest photo ------------------------------------------------------------------------------------------------


def photographed(photo: NewestPhoto, grey: int, masked: bool, side_px: int = 8) -> None:
    """A part's row is complete."""
    image = np.full((side_px, side_px), grey, np.uint8)
    decided = decision(1, Verdict.REJECT if masked else Verdict.NO_DECISION)
    seen = Inspection(
        decided.trigger,
        Judgement(decided.verdict, Reason.DEFECT),
        {},
        decided.settled_ns,
        Frame(image, 1, time.monotonic_ns()),
        mask=(lambda: np.ones((8, 8), np.uint8)) if masked else None,
    )
    told = ResultMessage.model_construct(part_id=decided.trigger.part_id, verdict=decided.verdict.value)
    photo.completed(told, closed(replace(decided, evidence=seen)))


def test_the_newest_photo_is_shown_as_it_was_inspected() -> None:
    photo = NewestPhoto()
    with pytest.raises(Fault, match="no photo yet"):
        photo.show(ASKED)
    photographed(photo, 10, masked=False)
    assert [part.name for part, _ in photo.show(ASKED).images] == ["frame"]
    photographed(photo, 200, masked=True)
    photo.completed(ResultMessage.model_construct(), None)  # a row that was filled in
    shown = photo.show(ASKED)
    images = {part.name: cv2.imdecode(np.frombuffer(data, np.uint8), -1) for part, data in shown.images}
    assert (images["frame"][0, 0], images["mask"][0, 0]) == (200, 1)
    assert shown.detail.startswith("part 1001, reject, photo 0.")


def test_a_photo_that_is_no_picture_is_refused() -> None:
    photo = NewestPhoto()
    photographed(photo, 10, masked=False, side_px=0)
    with pytest.raises(Fault, match="the photo of part 1001 cannot be encoded"):
        photo.show(ASKED)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("now.jpg", "ends in .png"),
        ("now.png", "now.png is there already"),
        ("a.png", "a.mask.png"),
        ("none/now.png", "there is no folder"),
    ],
)
def test_a_snapshot_overwrites_nothing(tmp_path: Path, name: str, complaint: str) -> None:
    for existing in ("now.png", "a.mask.png"):
        (tmp_path / existing).touch()
    with pytest.raises(UsageError, match=complaint):
        take_snapshot("tcp://127.0.0.1:1", "R. Diaz", tmp_path / name)
