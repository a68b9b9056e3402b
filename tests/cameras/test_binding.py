"""A frame belongs to a trigger by time and by count, or to nobody."""

from __future__ import annotations

import numpy as np
import pytest

from agent.cameras.binding import MAX_MISMATCHES, Binder
from agent.errors import Fault, NoDecision
from agent.inspection import Frame, Reason, Trigger

MS = 1_000_000
PITCH_MS = 100
IMAGE = np.zeros((2, 2), np.uint8)


def trigger(seq: int, at_ms: float | None = None, epoch: int = 1) -> Trigger:
    edge = int((seq * PITCH_MS if at_ms is None else at_ms) * MS)
    return Trigger(seq, seq, epoch, edge - 10 * MS, edge + 1 * MS, edge + 300 * MS, edge + 8 * MS)


def frame(number: int, at_ms: float | None = None) -> Frame:
    return Frame(IMAGE, number, int((number * PITCH_MS if at_ms is None else at_ms) * MS))


def binder() -> Binder:
    return Binder(tolerance_ns=5 * MS)


def test_each_trigger_gets_its_own_frame_whatever_else_is_buffered() -> None:
    bind, frames = binder(), [frame(n) for n in range(1, 6)]
    for seq in range(1, 6):
        found = bind.choose(trigger(seq), frames)
        assert found is not None
        assert found.frame_id == seq


def test_no_frame_in_the_window_is_waited_for() -> None:
    assert binder().choose(trigger(3), [frame(2), frame(4)]) is None


def test_the_first_pair_sets_the_count_whatever_the_cameras_number() -> None:
    bind = binder()
    assert bind.choose(trigger(1), [frame(7001, 100)])
    assert bind.choose(trigger(2), [frame(7002, 200)])


def test_a_camera_that_missed_an_exposure_without_counting_it_is_noticed() -> None:
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    with pytest.raises(NoDecision) as caught:
        bind.choose(trigger(3), [frame(2, 300)])
    assert caught.value.reason is Reason.FRAME_MISMATCH


def test_a_part_without_a_frame_does_not_shift_the_next_ones() -> None:
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    assert bind.choose(trigger(2), []) is None
    assert bind.choose(trigger(3), [frame(3)])


def test_two_frames_in_one_window_are_told_apart_by_count_only() -> None:
    bind = binder()
    with pytest.raises(NoDecision):
        bind.choose(trigger(1), [frame(1, 99), frame(2, 100)])
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    found = bind.choose(trigger(2), [frame(2, 199), frame(3, 200)])
    assert found is not None
    assert found.frame_id == 2


def test_counting_differently_again_and_again_stops_the_station() -> None:
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    for seq in range(2, MAX_MISMATCHES + 1):
        with pytest.raises(NoDecision):
            bind.choose(trigger(seq), [frame(seq + 1, seq * PITCH_MS)])
    with pytest.raises(Fault, match="count differently"):
        bind.choose(trigger(9), [frame(10, 900)])


def test_a_new_plc_epoch_begins_a_new_count() -> None:
    bind = binder()
    assert bind.choose(trigger(500), [frame(500)])
    assert bind.choose(trigger(1, at_ms=51_000, epoch=2), [frame(510, 51_000)])
