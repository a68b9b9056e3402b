"""Move a real defect onto a good tile: more backgrounds for the few defects there are.

The defect travels as a ratio to the grey around it, so that it fits another exposure; it comes out larger or smaller,
deeper or shallower, mirrored or not, as another of its kind would; one that touches its tile's border lands on the same
border.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.inspection import Image

MARGIN_PX = 6
FEATHER_PX = 1.5
SIZE, DEPTH = 1.3, 1.3
"""A pasted defect's size is its own divided or multiplied by at most this, and so is the logarithm of its darkness."""


def paste_defect(rng: np.random.Generator, source: Image, mask: Image, good: Image) -> tuple[Image, Image] | None:
    """The good tile with the defect of `source`, and its mask; None when the defect is too large for the tile."""
    rows, columns = _window(mask)
    patch, region = _varied(rng, source[rows, columns], mask[rows, columns], rows, columns, mask.shape)
    height, width = patch.shape
    if height > good.shape[0] or width > good.shape[1]:
        return None
    top = _place(rng, rows, height, mask.shape[0], good.shape[0])
    left = _place(rng, columns, width, mask.shape[1], good.shape[1])
    target = np.s_[top : top + height, left : left + width]
    image, truth = good.astype(np.float32), np.zeros(good.shape, np.uint8)
    image[target] *= _relief(patch, region) ** _about_one(rng, DEPTH)
    truth[target] = region
    return np.clip(image, 0, 255).astype(np.uint8), truth


def _window(mask: Image) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return (
        slice(max(0, top - MARGIN_PX), min(mask.shape[0], top + height + MARGIN_PX)),
        slice(max(0, left - MARGIN_PX), min(mask.shape[1], left + width + MARGIN_PX)),
    )


def _varied(
    rng: np.random.Generator, patch: Image, region: Image, rows: slice, columns: slice, shape: tuple[int, ...]
) -> tuple[NDArray[np.float32], Image]:
    """The window of the defect in another size, mirrored along an axis on which it touches no border."""
    size = _about_one(rng, SIZE)
    wide, high = (max(1, round(side * size)) for side in region.shape[::-1])
    photo = np.asarray(cv2.resize(patch, (wide, high), interpolation=cv2.INTER_LINEAR), np.float32)
    truth = np.asarray(cv2.resize(region, (wide, high), interpolation=cv2.INTER_NEAREST), np.uint8)
    for axis, span in enumerate((rows, columns)):
        if span.start > 0 and span.stop < shape[axis] and rng.random() < 0.5:
            photo, truth = np.flip(photo, axis), np.flip(truth, axis)
    return photo, truth


def _about_one(rng: np.random.Generator, at_most: float) -> float:
    """As often below one as above, between 1 / `at_most` and `at_most`."""
    return float(at_most ** rng.uniform(-1, 1))


def _place(rng: np.random.Generator, span: slice, length_px: int, source_px: int, target_px: int) -> int:
    """Where the window starts on the target: the same border if it lies at one, else anywhere."""
    last = target_px - length_px
    if span.start == 0:
        return 0
    return last if span.stop == source_px else int(rng.integers(0, last + 1))


def _relief(patch: NDArray[np.float32], region: Image) -> NDArray[np.float32]:
    """Factor per pixel: 1 far from the defect, its brightness against its surroundings inside."""
    around = patch[region == 0]
    level = max(float(np.median(around)) if around.size else float(patch.mean()), 8.0)
    near = cv2.dilate((region > 0).astype(np.float32), np.ones((5, 5), np.uint8))
    weight = cv2.GaussianBlur(near, (0, 0), FEATHER_PX)
    return np.asarray(1 + weight * (patch / level - 1), np.float32)
