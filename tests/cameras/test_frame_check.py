"""A photo that proves nothing is no decision: too dark, too bright, washed out, blurred, frozen, of another size."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from agent.errors import NoDecision
from agent.frame_check import Succession, check_frame, sharpness
from agent.inspection import Frame, Reason
from agent.recipe import FrameLimits

LIMITS = FrameLimits(min_mean_grey=40, max_mean_grey=230, max_saturated=0.25)


def grey(value: int, saturated_rows: int = 0, channels: int = 1) -> Frame:
    """A 100-row photo of one grey, with some rows at 255."""
    image = np.full((100, 80) if channels == 1 else (100, 80, channels), value, np.uint8)
    image[:saturated_rows] = 255
    return Frame(image, 1, 0)


@pytest.mark.parametrize("value", [40, 128, 230])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_good_photo_is_let_through_at_the_limits(value: int, channels: int) -> None:
    check_frame(grey(value, channels=channels), LIMITS)


@pytest.mark.parametrize(
    ("frame", "reason", "words"),
    [
        (grey(39), Reason.FRAME_QUALITY, "mean grey 39"),
        (grey(231), Reason.FRAME_QUALITY, "mean grey 231"),
        (grey(0), Reason.FRAME_QUALITY, "mean grey 0"),
        (grey(100, saturated_rows=26), Reason.FRAME_QUALITY, "26% of the pixels saturated"),
    ],
)
def test_a_photo_outside_the_limits_is_no_decision(frame: Frame, reason: Reason, words: str) -> None:
    with pytest.raises(NoDecision, match=words) as caught:
        check_frame(frame, LIMITS)
    assert caught.value.reason is reason


def test_saturation_is_allowed_up_to_its_share() -> None:
    check_frame(grey(100, saturated_rows=25), LIMITS)


@pytest.mark.parametrize("shape", [(1024, 1280), (1024, 1280, 3), (60, 4000), (40, 50)])
def test_a_large_photo_is_judged_by_a_sample_all_over_it(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 100, np.uint8)
    check_frame(Frame(image, 1, 0), LIMITS)
    image[: shape[0] // 3] = 255
    with pytest.raises(NoDecision, match=r"3[2-5]% of the pixels saturated"):
        check_frame(Frame(image, 1, 0), LIMITS)


@pytest.mark.parametrize("shape", [(512, 640), (512, 640, 3), (200, 300), (40, 50)])
def test_a_blurred_photo_is_no_proof(shape: tuple[int, ...]) -> None:
    sharp = np.random.default_rng(1).integers(60, 200, shape, np.uint8)
    limits = LIMITS.model_copy(update={"min_sharpness": sharpness(sharp) / 2})
    check_frame(Frame(sharp, 1, 0), limits)
    for blurred in (cv2.GaussianBlur(sharp, (0, 0), 2), cv2.blur(sharp, (9, 1)), cv2.blur(sharp, (1, 9))):
        with pytest.raises(NoDecision, match="blurred") as caught:
            check_frame(Frame(np.asarray(blurred, np.uint8), 1, 0), limits)
        assert caught.value.reason is Reason.FRAME_QUALITY


def noisy(number: int, shape: tuple[int, ...] = (96, 128)) -> Frame:
    """A real sensor's photo: no two are alike."""
    return Frame(np.random.default_rng(number).integers(90, 110, shape, np.uint8), number, 0)


def reason_of(succession: Succession, frame: Frame) -> Reason:
    try:
        succession.check(frame)
    except NoDecision as cause:
        return cause.reason
    return Reason.OK


def test_the_same_picture_under_a_new_number_is_stale_as_often_as_it_comes() -> None:
    succession = Succession()
    frozen = noisy(1)
    again = [replace(frozen, frame_id=number, image=frozen.image.copy()) for number in (2, 3)]
    found = [reason_of(succession, frame) for frame in (frozen, *again, noisy(4), frozen)]
    assert found == [Reason.OK, Reason.FRAME_STALE, Reason.FRAME_STALE, Reason.OK, Reason.OK]


def test_one_pixel_of_noise_between_the_grid_points_is_enough_to_be_another_picture() -> None:
    succession = Succession()
    one = noisy(1)
    other = one.image.copy()
    other[7, 9] += 1
    assert reason_of(succession, one) is Reason.OK
    assert reason_of(succession, replace(one, image=other)) is Reason.OK


@pytest.mark.parametrize("shape", [(95, 128), (96, 129), (128, 96), (96, 64, 3)])
def test_a_photo_of_another_size_is_refused_and_the_old_size_stays_right(shape: tuple[int, ...]) -> None:
    succession = Succession()
    found = [reason_of(succession, frame) for frame in (noisy(1), noisy(2, shape), noisy(3, shape), noisy(4))]
    assert found == [Reason.OK, Reason.FRAME_SIZE, Reason.FRAME_SIZE, Reason.OK]


def test_a_size_that_was_ordered_holds_from_the_first_photo_on() -> None:
    succession = Succession((96, 128))
    assert reason_of(succession, noisy(1, (48, 64))) is Reason.FRAME_SIZE
    assert reason_of(succession, noisy(2)) is Reason.OK


def test_incomplete_photos_set_no_size_and_simulated_ones_may_repeat_and_differ() -> None:
    succession = Succession()
    assert reason_of(succession, replace(noisy(1, (7,)), complete=False)) is Reason.OK
    assert reason_of(succession, noisy(2)) is Reason.OK
    simulated = replace(noisy(3, (8, 8)), simulated=True)
    assert [reason_of(Succession(), frame) for frame in (simulated, simulated)] == [Reason.OK, Reason.OK]
