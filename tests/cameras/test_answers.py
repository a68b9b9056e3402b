"""A photo that was asked for one part never serves the next, however late it comes and whatever time it bears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cameras.answers import MAX_LATE, PATIENCE_NS, Answers
from agent.errors import Fault, NoDecision
from agent.inspection import Frame, Reason

MS = 1_000_000
IMAGE = np.zeros((2, 2), np.uint8)


def frame(number: int, at_ms: int) -> Frame:
    return Frame(IMAGE, number, at_ms * MS)


def test_the_first_frame_exposed_after_the_asking_answers_it() -> None:
    answers = Answers(numbered=False)
    answers.asked(100 * MS)
    assert not answers.this(frame(6, 99))
    assert answers.this(frame(9, 101))


def test_a_frame_that_nobody_asked_for_costs_a_part_and_no_more() -> None:
    answers = Answers(numbered=True)
    answers.asked(100 * MS)
    assert not answers.this(frame(6, 99))
    with pytest.raises(NoDecision):
        answers.this(frame(7, 101))
    answers.asked(200 * MS)
    assert answers.this(frame(8, 201))


def test_a_late_answer_stamped_by_its_arrival_is_told_by_its_number() -> None:
    answers = Answers(numbered=True)
    answers.asked(0)
    assert answers.this(frame(1, 10))
    answers.asked(100 * MS)
    answers.asked(200 * MS)
    assert not answers.this(frame(2, 210)), "it was asked for the part before"
    assert answers.this(frame(3, 220))


def test_late_answers_now_and_then_are_no_fault_as_long_as_the_camera_catches_up() -> None:
    answers = Answers(numbered=True)
    for part in range(0, 4 * MAX_LATE, 2):
        answers.asked(part * 100 * MS)
        answers.asked((part + 1) * 100 * MS)
        assert not answers.this(frame(part + 1, (part + 1) * 100 + 10))
        assert answers.this(frame(part + 2, (part + 1) * 100 + 20))


def test_a_frame_lost_on_its_way_costs_its_own_part_only() -> None:
    answers = Answers(numbered=True)
    answers.asked(0)
    assert answers.this(frame(1, 10))
    answers.asked(100 * MS)
    answers.asked(200 * MS)
    assert answers.this(frame(3, 210))


def test_a_frame_delivered_twice_answers_once() -> None:
    for numbered in (True, False):
        answers = Answers(numbered)
        answers.asked(0)
        assert answers.this(frame(1, 10))
        answers.asked(100 * MS)
        assert not answers.this(frame(1, 110))
        assert answers.this(frame(2, 120))


def test_more_exposed_than_asked_for_is_a_mismatch() -> None:
    answers = Answers(numbered=True)
    answers.asked(0)
    assert answers.this(frame(1, 10))
    answers.asked(100 * MS)
    with pytest.raises(NoDecision) as caught:
        answers.this(frame(3, 110))
    assert caught.value.reason is Reason.FRAME_MISMATCH
    answers.asked(200 * MS)
    assert answers.this(frame(4, 210))


def test_a_camera_that_leaves_askings_out_is_a_fault_unless_it_has_time_to_catch_up() -> None:
    answers = Answers(numbered=True)
    answers.asked(0)
    assert answers.this(frame(1, 10))
    answers.asked(100 * MS)  # ignored by the camera
    for behind in range(1, MAX_LATE):
        answers.asked((100 + 100 * behind) * MS)
        assert not answers.this(frame(1 + behind, 110 + 100 * behind))
    answers.asked(1000 * MS)
    with pytest.raises(Fault, match="leaves photos out"):
        answers.this(frame(1 + MAX_LATE, 1010))

    answers = Answers(numbered=True)
    answers.asked(1)
    answers.asked(2 + PATIENCE_NS)
    assert answers.this(frame(1, 10 + PATIENCE_NS // MS))


@given(st.lists(st.sampled_from(["prompt", "late", "lost", "ignored", "twice"]), max_size=30))
def test_no_sequence_of_faults_gives_a_part_another_part_s_photo(faults: list[str]) -> None:
    """Each frame bears the time of its arrival: nothing but its number tells which asking it is for."""
    answers, exposed, under_way = Answers(numbered=True), 0, list[tuple[int, int]]()
    for part, fault in enumerate(faults):
        answers.asked(part * 100 * MS)
        if fault != "ignored":
            exposed += 1
            under_way += [(exposed, part)] * {"lost": 0, "twice": 2}.get(fault, 1)
        arriving = [photo for photo in under_way if fault != "late" or photo[1] != part]
        under_way = [photo for photo in under_way if photo not in arriving]
        for number, shows in arriving:
            try:
                answered = answers.this(frame(number, part * 100 + 50))
            except Fault:
                return
            assert not answered or shows == part
