"""The camera that the photo-eye fires: every fault ends in a reason, in time, and never in a wrong photo."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.camera_config import TriggerConfig
from agent.cameras.claims import Claims
from agent.cameras.inbox import Inbox
from agent.cameras.line_fired import LineFiredCamera
from agent.errors import Fault, NoDecision, OutOfStep
from agent.inspection import Frame, Reason, Trigger
from tests.results.records import trigger

MS = 1_000_000
PITCH_MS = 100
IMAGE = np.zeros((2, 2), np.uint8)
LIMITS = TriggerConfig(min_pitch_ms=PITCH_MS, frame_timeout_ms=50, tolerance_ms=5)


class Driver:
    """Delivers what the test exposes."""

    simulated = True
    lost: Fault | None = None

    def start(self, inbox: Inbox) -> None:
        self.inbox = inbox

    def deliver(self, frame_id: int, captured_ns: int) -> None:
        self.inbox.put(Frame(IMAGE, frame_id, captured_ns))

    def fire(self) -> None:
        raise AssertionError("the photo-eye fires this camera")

    def check(self) -> None:
        if self.lost:
            raise self.lost

    def close(self) -> None:
        """Nothing is held open."""


@pytest.fixture
def driver() -> Driver:
    return Driver()


@pytest.fixture
def camera(driver: Driver) -> LineFiredCamera:
    return LineFiredCamera(driver, LIMITS)


def at(seq: int, edge_ns: int, deadline_ms: int = 20_000) -> Trigger:
    return replace(
        trigger(seq), earliest_ns=edge_ns - 5 * MS, latest_ns=edge_ns, deadline_ns=edge_ns + deadline_ms * MS
    )


def test_frames_in_swapped_order_each_find_their_part(driver: Driver, camera: LineFiredCamera) -> None:
    now_ns = time.monotonic_ns()
    for number in (2, 1, 3):
        driver.deliver(number, now_ns + number * PITCH_MS * MS)
    assert [camera.grab(at(n, now_ns + n * PITCH_MS * MS)).frame_id for n in (1, 2, 3)] == [1, 2, 3]


def test_an_old_frame_behind_a_new_one_is_dropped_too(driver: Driver, camera: LineFiredCamera) -> None:
    now_ns = time.monotonic_ns()
    driver.deliver(2, now_ns)
    driver.deliver(1, now_ns - PITCH_MS * MS)
    assert camera.grab(at(2, now_ns)).frame_id == 2
    with pytest.raises(NoDecision, match=r"frame 1, is 190\.0 ms too early"):
        camera.grab(at(3, now_ns + PITCH_MS * MS))


def test_the_time_out_fires_before_the_deadline_and_never_after_it(driver: Driver, camera: LineFiredCamera) -> None:
    for deadline_ms, limit_ms in ((20_000, 5_000), (20, 1_000)):
        begun_ns = time.monotonic_ns()
        with pytest.raises(NoDecision) as caught:
            camera.grab(at(1, begun_ns, deadline_ms))
        assert caught.value.reason is Reason.FRAME_TIMEOUT
        assert (time.monotonic_ns() - begun_ns) / MS < limit_ms


def test_a_camera_that_dies_ends_the_waiting_at_once(driver: Driver) -> None:
    camera = LineFiredCamera(driver, LIMITS.model_copy(update={"frame_timeout_ms": 15_000.0}))
    begun_ns = time.monotonic_ns()
    threading.Timer(0.05, driver.inbox.broken, [Fault("camera lost: control lost")]).start()
    with pytest.raises(Fault, match="control lost"):
        camera.grab(at(1, begun_ns))
    assert time.monotonic_ns() - begun_ns < 5_000 * MS
    with pytest.raises(Fault, match="control lost"):
        camera.check()


def test_out_of_step_is_told_before_the_part_and_ends_when_the_belt_is_cleared(
    driver: Driver, camera: LineFiredCamera
) -> None:
    told: list[str] = []
    camera.on_out_of_step = told.append
    edge_ns = time.monotonic_ns() - 10_000 * MS
    for seq in range(1, 7):
        driver.deliver(seq if seq == 1 else seq + 1, edge_ns + seq * PITCH_MS * MS)
        if seq == 1:
            assert camera.grab(at(seq, edge_ns + seq * PITCH_MS * MS))
            continue
        with pytest.raises(NoDecision) as caught:
            camera.grab(at(seq, edge_ns + seq * PITCH_MS * MS))
        assert caught.value.reason is Reason.FRAME_MISMATCH
        assert isinstance(caught.value, OutOfStep) == bool(told) == (seq >= 4)
    camera.begin_anew()
    driver.deliver(8, edge_ns + 7 * PITCH_MS * MS)
    assert camera.grab(at(7, edge_ns + 7 * PITCH_MS * MS)).frame_id == 8


# --- frames that nobody asked for ------------------------------------------------------------------------------------


def claims() -> Claims:
    return Claims(reach_ns=PITCH_MS * MS // 4)


def test_a_frame_of_no_part_is_counted_once_all_parts_of_its_time_are_announced() -> None:
    told = claims()
    for number, at_ms in enumerate((100, 150, 200)):
        told.arrived(number, at_ms * MS)
    told.announced(90 * MS, 105 * MS)
    assert told.judge(0, 120 * MS) == 0
    assert told.judge(0, 180 * MS) == 1
    told.announced(190 * MS, 205 * MS)
    assert told.judge(0, 300 * MS) == 0
    assert told.unsolicited == 1


def test_a_part_claims_one_frame_and_no_more() -> None:
    told = claims()
    told.announced(90 * MS, 105 * MS)
    for number, at_ms in ((1, 99), (2, 101), (1, 99), (2, 102)):
        told.arrived(number, at_ms * MS)
    assert told.judge(0, 300 * MS) == 1, "delivered twice it is still one"


def test_what_was_exposed_while_nobody_announced_parts_is_no_alarm() -> None:
    told = claims()
    told.arrived(1, 100 * MS)
    told.arrived(2, 300 * MS)
    assert told.judge(200 * MS, 400 * MS) == 1


@given(
    st.lists(st.sampled_from(["inspected", "refused", "no frame", "frame late"]), max_size=30),
    st.sets(st.integers(0, 29)),
    st.integers(1, 9),
)
def test_exactly_the_frames_between_the_parts_are_unsolicited(parts: list[str], extra: set[int], every: int) -> None:
    """However late the link hears of a part, and however late its frame comes: no false alarm, none left out."""
    told, arrives_later = claims(), list[int]()
    counted = iter(range(100))
    for number, kind in enumerate(parts):
        edge_ms = number * PITCH_MS
        told.announced((edge_ms - 10) * MS, edge_ms * MS)
        for late_ns in arrives_later:
            told.arrived(next(counted), late_ns)
        arrives_later = [edge_ms * MS] if kind == "frame late" else []
        if kind in ("inspected", "refused"):
            told.arrived(next(counted), edge_ms * MS)
        if number in extra:
            told.arrived(next(counted), (edge_ms + PITCH_MS // 2) * MS)
        if number % every == 0:
            told.judge(0, (edge_ms - PITCH_MS // 4) * MS)
    for late_ns in arrives_later:
        told.arrived(next(counted), late_ns)
    told.judge(0, PITCH_MS * 100 * MS)
    assert told.unsolicited == len([number for number in extra if number < len(parts)])
