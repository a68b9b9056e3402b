"""A frame larger than the model's input: cut into overlapping patches, put together without seams. No model here.

Along each axis the patches lie evenly from edge to edge, so none is padded and no two neighbours share less than the
configured overlap. A pixel of the maps comes from the patch in which it lies farthest from a cut: every overlap is
split in its middle, and what crosses it is one region. Where a frame is smaller than the input it is padded as
`letterbox` does.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from agent.config import TilingConfig
from agent.errors import ConfigError
from agent.inspection import Image
from agent.model_contract import InputSpec
from agent.preprocess import Letterbox

Window = tuple[slice, slice]
"""Rows and columns."""


class Span(NamedTuple):
    """A patch along one axis."""

    shown: slice
    """What of the frame it shows."""
    kept: slice
    """What of the frame it decides on."""
    kept_inside: slice
    """The same, in the model's input."""


class Patch(NamedTuple):
    """A patch in both axes."""

    shown: Window
    kept: Window
    kept_inside: Window


def spans(length_px: int, side_px: int, overlap_px: int) -> tuple[Span, ...]:
    """The patches of `side_px` along an axis of `length_px`; what they keep covers every pixel once."""
    if length_px <= side_px:
        margin_px, whole = (side_px - length_px) // 2, slice(0, length_px)
        return (Span(whole, whole, slice(margin_px, margin_px + length_px)),)
    steps = -(-(length_px - side_px) // (side_px - overlap_px))
    starts = [step * (length_px - side_px) // steps for step in range(steps + 1)]
    seams = [0, *((start + before + side_px) // 2 for before, start in pairwise(starts)), length_px]
    return tuple(
        Span(slice(start, start + side_px), slice(seam, next_seam), slice(seam - start, next_seam - start))
        for start, (seam, next_seam) in zip(starts, pairwise(seams), strict=True)
    )


class TilePlan:
    """How frames of one shape (HxW or HxWxC) are cut; the buffer of the scaled frame is kept for the next one."""

    def __init__(self, shape: tuple[int, ...], spec: InputSpec, config: TilingConfig) -> None:
        self.shape = shape
        height_px, width_px = (max(1, round(side_px * config.scale)) for side_px in shape[:2])
        rows = spans(height_px, spec.height_px, config.overlap_px)
        columns = spans(width_px, spec.width_px, config.overlap_px)
        self.grid = len(columns), len(rows)
        """Patches across and down."""
        patches = tuple(Patch(*zip(row, column, strict=True)) for row in rows for column in columns)
        self.batches = tuple(patches[first : first + spec.batch] for first in range(0, len(patches), spec.batch))
        """What each run of the model is given; the last may be smaller than its batch."""
        self.box = Letterbox(config.scale, 0, 0, width_px, height_px)
        """Where the image lies in the maps: all over them."""
        self._scaled = np.empty((height_px, width_px, *shape[2:]), np.uint8)

    def scaled(self, image: Image) -> Image:
        """The frame at the scale of the maps; itself when that is its own, else overwritten by the next one."""
        if self._scaled.shape == image.shape:
            return image
        cv2.resize(image, (self.box.width_px, self.box.height_px), dst=self._scaled, interpolation=cv2.INTER_AREA)
        return self._scaled


def require_overlap(spec: InputSpec, config: TilingConfig) -> None:
    """ConfigError when patches of this model cannot overlap so far."""
    most_px = min(spec.height_px, spec.width_px) // 2
    if config.overlap_px > most_px:
        raise ConfigError(
            f"model.tiling.overlap_px = {config.overlap_px} is more than half the model's input of "
            f"{spec.width_px} × {spec.height_px} px: make it {most_px} or less"
        )
