"""What of the camera's image is inspected: region, rotation, grey or colour; and what is no image at all."""

from __future__ import annotations

import numpy as np
import pytest

from agent.camera_config import RegionConfig, ViewConfig
from agent.errors import NoDecision
from agent.inspection import Frame, Reason
from agent.view import View

IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4)
REGION = RegionConfig(x_px=1, y_px=0, width_px=3, height_px=2)


@pytest.mark.parametrize(
    "frame",
    [Frame(np.empty((0, 0), np.uint8), 1, 0), Frame(np.full((10, 10), 100, np.uint8), 1, 0, complete=False)],
    ids=["empty", "half"],
)
def test_half_a_frame_is_no_decision(frame: Frame) -> None:
    with pytest.raises(NoDecision, match="incomplete") as caught:
        View(ViewConfig()).of(frame)
    assert caught.value.reason is Reason.FRAME_INCOMPLETE


def test_a_region_is_seen_without_a_copy() -> None:
    seen = View(ViewConfig(region=REGION)).of(Frame(IMAGE, 1, 0)).image
    assert seen.tolist() == [[1, 2, 3], [5, 6, 7]]
    assert np.shares_memory(seen, IMAGE)


def test_the_region_is_cut_out_and_then_turned_clockwise() -> None:
    seen = View(ViewConfig(region=REGION, rotate_deg=90)).of(Frame(IMAGE, 1, 0)).image
    assert seen.tolist() == [[5, 1], [6, 2], [7, 3]]


def test_a_frame_that_does_not_hold_the_region_is_no_decision() -> None:
    with pytest.raises(NoDecision, match="does not hold"):
        View(ViewConfig(region=REGION)).of(Frame(IMAGE[:1], 1, 0))


def test_grey_and_colour_are_what_the_config_says() -> None:
    coloured = View(ViewConfig(colour="colour")).of(Frame(IMAGE, 1, 0))
    assert coloured.image.shape == (3, 4, 3)
    assert View(ViewConfig(colour="grey")).of(coloured).image.tolist() == IMAGE.tolist()
