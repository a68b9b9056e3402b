"""A camera's clock and numbers against the truth, over drifts, jitters, jumps and wraps."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cameras.drivers.aravis_arrival import Arrivals
from agent.cameras.drivers.device_clock import JUMP_NS, LATE_ALIKE, MAX_DRIFT, SIGHTINGS, STEADY_NS, DeviceClock
from agent.cameras.drivers.frame_ids import WRAP, FrameIds

MS, S = 1_000_000, 1_000_000_000
LEAK_NS = int(2 * MS * MAX_DRIFT)
START_NS = 5_000 * S
DRIFTS = st.floats(-MAX_DRIFT, MAX_DRIFT, allow_subnormal=False)
BOOTED = st.integers(0, 2_000 * S)


class Crystal:
    """A camera's clock: started some time ago, too fast or too slow."""

    def __init__(self, booted_ns: int, drift: float) -> None:
        self.zero_ns, self.rate = START_NS - booted_ns, 1 + drift / 2  # the other half is the computer's

    def at(self, true_ns: int) -> int:
        return int((true_ns - self.zero_ns) * self.rate)


frames = st.lists(st.tuples(st.integers(1 * MS, 30 * S), st.integers(2 * MS, 18 * MS)), min_size=1, max_size=60)
"""(time since the one before, transfer)."""


@given(BOOTED, DRIFTS, frames)
def test_without_a_latch_a_frame_is_never_early_and_never_later_than_its_arrival(booted_ns, drift, frames) -> None:  # type: ignore[no-untyped-def]
    camera, clock, true_ns, transfers = Crystal(booted_ns, drift), DeviceClock(), START_NS, []
    for gap_ns, transfer_ns in frames:
        true_ns += gap_ns
        transfers.append(transfer_ns)
        exposed_ns, jumped_ns = clock.exposed(camera.at(true_ns), true_ns + transfer_ns)
        assert jumped_ns == 0
        assert min(transfers[-SIGHTINGS:]) - 1000 <= exposed_ns - true_ns <= transfer_ns + 1000


@given(BOOTED, DRIFTS, frames, st.integers(0, MS))
def test_with_a_latch_a_second_old_the_error_is_a_round_trip(booted_ns, drift, frames, trip_ns) -> None:  # type: ignore[no-untyped-def]
    camera, clock, true_ns = Crystal(booted_ns, drift), DeviceClock(), START_NS
    for gap_ns, transfer_ns in frames:
        true_ns += gap_ns
        clock.latched(camera.at(true_ns - S), true_ns - S + trip_ns)
        exposed_ns, jumped_ns = clock.exposed(camera.at(true_ns), true_ns + transfer_ns)
        assert jumped_ns == 0
        assert -1000 <= exposed_ns - true_ns <= trip_ns + MS / 5


@given(st.booleans(), st.integers(2 * JUMP_NS, 3_600 * S))
def test_a_clock_that_is_set_forward_is_noticed_at_once_and_learned_anew(latches: bool, jump_ns: int) -> None:
    """The first frame after it is not to be trusted, whatever the jump; the next one is right again."""
    noticed, errors_ns = _jump(latches, -jump_ns)
    assert noticed == [20]
    assert all(0 <= error_ns <= 3 * MS for error_ns in errors_ns.values())


@given(st.booleans(), st.integers(2 * JUMP_NS, 3_600 * S))
def test_a_clock_that_is_set_back_makes_frames_too_old_until_it_is_noticed(latches: bool, jump_ns: int) -> None:
    """Never too new: an old frame belongs to nobody, a new one could be given to a later part."""
    noticed, errors_ns = _jump(latches, jump_ns)
    assert noticed == [20 + LATE_ALIKE - 1]
    too_old = {20 + n for n in range(LATE_ALIKE - 1)}
    assert all(errors_ns[index] <= 4 * MS - jump_ns for index in too_old)
    assert all(0 <= error_ns <= 3 * MS for index, error_ns in errors_ns.items() if index not in too_old)


def _jump(latches: bool, by_ns: int) -> tuple[list[int], dict[int, int]]:
    """40 frames, between which the clock is set: (the frames that notice it, error of the others by index)."""
    camera, clock = Crystal(7_200 * S, 0.0), DeviceClock()
    noticed: list[int] = []
    errors_ns: dict[int, int] = {}
    for index in range(40):
        true_ns = START_NS + index * 100 * MS
        if index == 20:
            camera.zero_ns += by_ns
        if latches and index % 10 == 5:
            clock.latched(camera.at(true_ns), true_ns + MS // 2)
        exposed_ns, jumped_ns = clock.exposed(camera.at(true_ns), true_ns + 3 * MS)
        if jumped_ns:
            noticed.append(index)
        else:
            errors_ns[index] = exposed_ns - true_ns
    return noticed, errors_ns


@given(st.booleans(), st.lists(st.integers(0, 900 * MS), max_size=60))
def test_a_frame_that_is_held_up_has_its_own_time_all_the_same(latches: bool, held_up: list[int]) -> None:
    """On a busy computer; frames that had to wait together were late by different times."""
    camera, clock = Crystal(7_200 * S, 0.0), DeviceClock()
    for index in range(3):
        clock.exposed(camera.at(START_NS + index * MS), START_NS + index * MS + 3 * MS)
    for index, late_ns in enumerate(held_up):
        true_ns = START_NS + (index + 1) * S
        late_ns += index % LATE_ALIKE * 2 * STEADY_NS
        if latches:
            clock.latched(camera.at(true_ns), true_ns + MS + late_ns)
        exposed_ns, jumped_ns = clock.exposed(camera.at(true_ns), true_ns + 3 * MS + late_ns)
        assert jumped_ns == 0
        assert 0 <= exposed_ns - true_ns <= 3 * MS + late_ns


def test_a_latch_that_notices_the_jump_first_spares_the_frame() -> None:
    camera, clock = Crystal(7_200 * S, 0.0), DeviceClock()
    for index in range(5):
        clock.latched(camera.at(START_NS + index * S), START_NS + index * S + MS)
        clock.exposed(camera.at(START_NS + index * S), START_NS + index * S + 3 * MS)
    camera.zero_ns -= 60 * S
    true_ns = START_NS + 6 * S
    clock.latched(camera.at(true_ns), true_ns + MS)
    assert clock.exposed(camera.at(true_ns), true_ns + 3 * MS) == (true_ns + MS + LEAK_NS, 0)


def test_a_latched_clock_that_is_not_the_frames_clock_is_not_believed() -> None:
    clock = DeviceClock()
    clock.latched(10**15, START_NS)
    assert clock.exposed(START_NS - 9 * S, START_NS) == (START_NS, 0)


@pytest.mark.parametrize("set_by_ns", [15 * MS, -15 * MS, 3_600 * S])
@pytest.mark.parametrize("waiting", [1, 3])
def test_a_wall_clock_that_is_set_makes_no_frame_seem_to_have_come_too_early(
    set_by_ns: int, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set while so many frames, whose first packets were stamped by it, wait to be fetched."""
    now_ns, ahead_ns = START_NS, 1_700_000_000 * S
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns + ahead_ns)
    arrivals, late_ns = Arrivals(), []
    for turn in range(40):
        begun_ns, wall_ns = now_ns, now_ns + ahead_ns
        ahead_ns += set_by_ns * (turn == 5)
        for _ in range(waiting):
            now_ns += 20 * MS
            late_ns.append(arrivals.begun_ns(wall_ns, now_ns) - begun_ns)
            assert 0 <= late_ns[-1] <= now_ns - begun_ns
    assert {*late_ns[: 5 * waiting], *late_ns[-waiting:]} == {0}, "before it, and when it is forgotten"


@given(st.integers(1, WRAP), st.lists(st.integers(-40, 400), max_size=400))
def test_16_bit_numbers_go_on_counting_with_gaps_duplicates_and_swaps_as_they_are(first, steps) -> None:  # type: ignore[no-untyped-def]
    ids, true = FrameIds(), first
    assert ids.count(first) == first
    for step in steps:
        true += step
        if true < 1:
            break
        assert ids.count((true - 1) % WRAP + 1) == true


def test_64_bit_numbers_are_taken_as_they_are() -> None:
    ids = FrameIds()
    numbers = (0, 1, 2, 30_000, 60_000, WRAP - 1, WRAP, WRAP + 1, WRAP + 2, 10**9, 10**9 - 1)
    assert tuple(ids.count(number) for number in numbers) == numbers
