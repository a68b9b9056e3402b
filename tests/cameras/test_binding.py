"""A frame belongs to a trigger by time and by count, or to nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cameras.binding import MAX_MISMATCHES, Binder
from agent.errors import NoDecision, OutOfStep
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
    return Binder(tolerance_ns=5 * MS, pitch_ns=PITCH_MS * MS)


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
    found = bind.choose(trigger(3), [frame(2, 299), frame(3, 300)])
    assert found is not None
    assert found.frame_id == 3


def test_a_part_that_is_exposed_twice_has_no_frame_for_sure() -> None:
    """Either may be the one too many, and the count fits whichever came first."""
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    with pytest.raises(NoDecision) as caught:
        bind.choose(trigger(2), [frame(2, 192), frame(3, 200)])
    assert caught.value.reason is Reason.FRAME_MISMATCH


def test_counting_differently_again_and_again_ends_all_binding_until_the_belt_is_cleared() -> None:
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    for seq in range(2, MAX_MISMATCHES + 1):
        with pytest.raises(NoDecision) as caught:
            bind.choose(trigger(seq), [frame(seq + 1, seq * PITCH_MS)])
        assert not isinstance(caught.value, OutOfStep)
    with pytest.raises(OutOfStep, match="count differently"):
        bind.choose(trigger(4), [frame(5, 400)])
    with pytest.raises(OutOfStep):
        bind.choose(trigger(5), [frame(5)])
    bind.begin_anew()
    assert bind.choose(trigger(6), [frame(7, 600)])
    with pytest.raises(NoDecision):
        bind.choose(trigger(7), [frame(7, 700)])


def test_a_part_that_fits_between_two_mismatches_begins_the_run_anew() -> None:
    bind = binder()
    for seq in range(1, 12):
        wrong = seq % MAX_MISMATCHES != 1
        if wrong:
            with pytest.raises(NoDecision) as caught:
                bind.choose(trigger(seq), [frame(seq + 1, seq * PITCH_MS)])
            assert not isinstance(caught.value, OutOfStep)
        else:
            assert bind.choose(trigger(seq), [frame(seq)])


def test_a_frame_delivered_twice_belongs_to_nobody_but_counts() -> None:
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    for seq in range(2, 2 + 2 * MAX_MISMATCHES):
        with pytest.raises(NoDecision, match="came twice") as caught:
            bind.choose(trigger(seq), [frame(seq), frame(seq)])
        assert caught.value.reason is Reason.FRAME_MISMATCH
    assert bind.choose(trigger(9), [frame(9)])


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_frame_that_has_served_serves_no_other_part_even_where_nothing_is_counted(epoch: int) -> None:
    """A stale one, stamped anew: profile B, or the first part of an epoch."""
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    uncounted = replace(trigger(2, epoch=epoch), counted=False)
    with pytest.raises(NoDecision) as caught:
        bind.choose(uncounted, [frame(1, 200)])
    assert caught.value.reason is Reason.FRAME_MISMATCH
    assert bind.choose(uncounted, [frame(9, 200)])


def test_a_new_plc_epoch_begins_a_new_count() -> None:
    bind = binder()
    assert bind.choose(trigger(500), [frame(500)])
    assert bind.choose(trigger(1, at_ms=51_000, epoch=2), [frame(510, 51_000)])


def test_a_part_whose_time_the_link_knows_too_badly_has_no_frame_and_that_is_no_slip() -> None:
    """In its window lies the neighbour's frame, too; with a slip, count would choose that one."""
    bind = binder()
    assert bind.choose(trigger(1), [frame(1)])
    for seq in range(2, 2 + MAX_MISMATCHES):
        held_up = replace(trigger(seq), earliest_ns=trigger(seq - 1).earliest_ns)
        with pytest.raises(NoDecision) as caught:
            bind.choose(held_up, [frame(seq), frame(seq + 1)])
        assert caught.value.reason is Reason.CAPTURE_WINDOW
    assert bind.choose(trigger(6), [frame(6)])


def test_an_incomplete_frame_says_nothing_of_the_count_but_serves_where_it_fits() -> None:
    bind = binder()
    half = replace(frame(7), complete=False, captured_ns=100 * MS)
    assert bind.choose(trigger(1), [half]) is half
    assert bind.choose(trigger(2), [frame(8, 200)])
    for seq in range(3, 3 + MAX_MISMATCHES):
        assert bind.choose(trigger(seq), [replace(frame(90 + seq, seq * PITCH_MS), complete=False)]) is None
    assert bind.choose(trigger(7), [frame(13, 700), replace(frame(12, 700), complete=False)])


# --- any sequence of camera faults -----------------------------------------------------------------------------------

FAULTS = ("none", "none", "lost", "missed", "extra", "bounce", "twice", "held", "stale", "slid", "cleared", "epoch")


class Line:
    """Belt, PLC and a camera with faults. What each frame shows is known here, and nowhere else."""

    def __init__(self) -> None:
        self.bind = binder()
        self.buffer: list[Frame] = []
        self.held: list[Frame] = []
        self.shows: dict[Frame, int] = {}
        self.stamped_wrong: set[Frame] = set()
        self.exposed, self.epoch = 0, 1
        self.in_step: int | None = None
        """Frame number less seq at the newest pair; None: the next pair sets it."""
        self.latched = False
        self.reasons: set[Reason] = set()

    def expose(self, seq: int, at_ms: float) -> Frame:
        self.exposed += 1
        return self.show(Frame(IMAGE, self.exposed, int(at_ms * MS)), seq)

    def show(self, photo: Frame, seq: int) -> Frame:
        self.shows[photo] = seq
        return photo

    def photograph(self, seq: int, fault: str) -> Frame | None:
        """The part's own frame, if it has come with its true time."""
        at_ms = seq * PITCH_MS
        self.buffer, self.held = self.buffer + self.held, []
        if fault == "extra":
            self.buffer.append(self.expose(seq, at_ms - PITCH_MS / 2))
        if fault == "bounce":
            self.buffer.append(self.expose(seq, at_ms - 5))
        own = self.expose(seq, at_ms) if fault != "missed" else None
        if own is None or fault == "lost":
            return None
        if fault in ("stale", "slid"):  # an old frame, or the clock, jumps to a part's time
            old = self.buffer[-1] if fault == "stale" and self.buffer else own
            again = self.show(
                replace(old, captured_ns=(at_ms if old is not own else at_ms + PITCH_MS) * MS), self.shows[old]
            )
            self.stamped_wrong.add(again)
            self.buffer.append(again)
            return None
        if fault == "held":
            self.held.append(own)
            return None
        self.buffer += [own] * (2 if fault == "twice" else 1)
        return own

    def inspect(self, seq: int) -> Frame | None:
        announced = trigger(seq, epoch=self.epoch)
        first_ns, _ = self.bind.window_ns(announced)
        self.buffer = [photo for photo in self.buffer if photo.captured_ns >= first_ns]
        try:
            found = self.bind.choose(announced, self.buffer)
        except NoDecision as cause:
            self.reasons.add(cause.reason)
            self.latched = isinstance(cause, OutOfStep)
            return None
        assert not self.latched
        if found is not None:
            self.buffer.remove(found)
        return found

    def pass_part(self, seq: int, fault: str) -> None:
        if fault == "cleared":
            self.bind.begin_anew()
            self.in_step, self.latched = None, False
        if fault == "epoch":
            self.epoch += 1
            self.in_step = None
        own = self.photograph(seq, fault)
        before, found = self.in_step, self.inspect(seq)
        if found is None:
            if fault == "twice" and own is not None and not self.latched and before is None:
                self.in_step = own.frame_id - seq  # it has served as the first pair, though for no verdict
            return
        self.in_step = found.frame_id - seq
        assert before in (None, self.in_step), "a slip went unnoticed"
        if self.shows[found] != seq:  # time is wrong; so is count, or nothing had been counted yet
            assert found in self.stamped_wrong
            assert before is None or found.frame_id - self.shows[found] != before
        elif own is not None:
            assert found is own


@given(st.lists(st.sampled_from(FAULTS), max_size=40))
def test_no_part_gets_another_part_s_frame_unless_time_and_count_are_both_wrong(faults: list[str]) -> None:
    line = Line()
    for seq, fault in enumerate(faults, 1):
        line.pass_part(seq, fault)
    assert line.reasons <= {Reason.FRAME_MISMATCH}


@given(st.sampled_from(["missed", "extra"]), st.integers(0, 5), st.lists(st.sampled_from(["none", "lost"]), max_size=9))
def test_a_slip_of_one_is_noticed_at_the_next_photo_and_never_forgiven(
    slip: str, before: int, after: list[str]
) -> None:
    line = Line()
    for seq, fault in enumerate(["none"] * (before + 1) + [slip], 1):
        line.pass_part(seq, fault)
    assert line.in_step == 0
    photos = 1 if slip == "extra" else 0
    for seq, fault in enumerate(after, before + 3):
        own = line.photograph(seq, fault)
        photos += own is not None
        assert line.inspect(seq) is None
        assert line.latched == (photos >= MAX_MISMATCHES)
