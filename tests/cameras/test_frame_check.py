"""A photo that proves nothing is no decision: too dark, too bright, washed out."""

from __future__ import annotations

import numpy as np
import pytest

from agent.errors import NoDecision
from agent.frame_check import check_frame
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
