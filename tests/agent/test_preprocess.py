"""Letterboxing: nothing is enlarged, nothing is lost, and points find their way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model_contract import InputSpec
from agent.preprocess import fit, letterbox, letterbox_mask

SPEC = InputSpec(height_px=256, width_px=256, channels=1, pad_value=7)
SIZE = st.integers(1, 700)


@given(SIZE, SIZE)
def test_the_image_fits_and_is_never_enlarged(height: int, width: int) -> None:
    box = fit(height, width, SPEC)
    assert box.scale <= 1.0
    assert 0 <= box.left_px <= box.left_px + box.width_px <= SPEC.width_px
    assert 0 <= box.top_px <= box.top_px + box.height_px <= SPEC.height_px
    if max(height, width) <= 256:
        assert (box.scale, box.height_px, box.width_px) == (1.0, height, width)


@given(SIZE, SIZE, st.floats(0, 1, allow_subnormal=False), st.floats(0, 1, allow_subnormal=False))
def test_points_of_the_input_find_their_place_in_the_image(height: int, width: int, u: float, v: float) -> None:
    box = fit(height, width, SPEC)
    x, y = box.to_image(box.left_px - 0.5 + u * box.width_px, box.top_px - 0.5 + v * box.height_px)
    assert x == pytest.approx(u * width - 0.5, abs=0.6 / box.scale)
    assert y == pytest.approx(v * height - 0.5, abs=0.6 / box.scale)


@given(SIZE, SIZE, st.sampled_from([(), (1,), (3,)]), st.sampled_from([1, 3]))
def test_shape_and_padding_are_as_the_model_wants_them(
    height: int, width: int, channels: tuple[int, ...], wanted: int
) -> None:
    spec = SPEC.model_copy(update={"channels": wanted})
    image, box = letterbox(np.full((height, width, *channels), 200, np.uint8), spec)
    assert image.shape == (256, 256, wanted)
    assert (image[box.inside] == 200).all()
    outside = np.ones(image.shape[:2], bool)
    outside[box.inside] = False
    assert (image[outside] == spec.pad_value).all()


def test_mask_and_image_keep_the_same_geometry() -> None:
    mask = np.zeros((400, 200), np.uint8)
    mask[100:200, 50:150] = 3
    image, _ = letterbox(mask * 80, SPEC.model_copy(update={"pad_value": 0}))
    assert ((image[..., 0] > 120) == (letterbox_mask(mask, SPEC) == 3)).mean() > 0.995


def test_an_image_of_the_models_size_is_passed_through_unchanged() -> None:
    image = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    assert (letterbox(image, SPEC)[0][..., 0] == image).all()
