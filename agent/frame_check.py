"""Is this photo proof of anything? Pure checks before the segmenter sees it.

Of a large photo they look at a sample, so that each costs some tens of microseconds at any size.
"""

from __future__ import annotations

from math import isqrt

import cv2
import numpy as np

from agent.errors import NoDecision
from agent.inspection import Frame, FrameStats, Image, Reason
from agent.recipe import FrameLimits

SAMPLE_PX = 65_536
"""A photo of more pixels is sampled on a grid."""
PATCH_PX = 64
PATCHES = 4
"""Sharpness is measured in so many by so many patches, spread over the photo: 256 × 256 px at most."""
FROZEN_STEP_PX = 16
"""Two photos that differ nowhere on this grid are compared in full."""


def check_frame(frame: Frame, limits: FrameLimits) -> FrameStats:
    """What was measured. Raises NoDecision when the frame is outside the recipe's limits of brightness or sharpness."""
    sample = _sample(frame.image)
    mean = float(cv2.meanStdDev(sample)[0].mean())
    if not limits.min_mean_grey <= mean <= limits.max_mean_grey:
        raise NoDecision(
            Reason.FRAME_QUALITY,
            f"mean grey {mean:.0f} outside {limits.min_mean_grey:.0f}..{limits.max_mean_grey:.0f}",
        )
    saturated = np.count_nonzero(sample == 255) / sample.size
    if saturated > limits.max_saturated:
        raise NoDecision(Reason.FRAME_QUALITY, f"{saturated:.0%} of the pixels saturated")
    found = sharpness(frame.image)
    if found < limits.min_sharpness:
        raise NoDecision(
            Reason.FRAME_QUALITY, f"sharpness {found:.3g} below {limits.min_sharpness:g}: blurred, or flat"
        )
    return FrameStats(round(mean, 2), round(found, 2))


def sharpness(image: Image) -> float:
    """Variance of the Laplacian, in grey levels squared, mean over the patches; green stands for colour.

    At the photo's own resolution: a shrunk one would hide a blur.
    """
    plane = image if image.ndim == 2 else image[..., 1]
    height, width = plane.shape
    tops = np.unique(np.linspace(0, max(0, height - PATCH_PX), PATCHES, dtype=int))
    lefts = np.unique(np.linspace(0, max(0, width - PATCH_PX), PATCHES, dtype=int))
    patches = [plane[top : top + PATCH_PX, left : left + PATCH_PX] for top in tops for left in lefts]
    deviations = [float(cv2.meanStdDev(cv2.Laplacian(patch, cv2.CV_16S))[1][0, 0]) for patch in patches]
    return sum(deviation**2 for deviation in deviations) / len(deviations)


def _sample(image: Image) -> Image:
    """Every n-th pixel of every n-th row."""
    step = max(1, isqrt(image.shape[0] * image.shape[1] // SAMPLE_PX))
    return image if step == 1 else np.ascontiguousarray(image[::step, ::step])


class Succession:
    """Each photo as the camera gave it, compared with those before: another size, or the same picture again.

    A real sensor's noise makes two photos differ in some pixel; equal ones come from a camera, or a buffer, that
    has frozen. Simulated sources may repeat their images and mix sizes: they are not checked.
    """

    def __init__(self, size_px: tuple[int, int] | None = None) -> None:
        """`size_px`: height and width that were ordered; None: whatever the first whole photo has."""
        self._size_px = size_px
        self._before: Image | None = None

    def check(self, frame: Frame) -> None:
        """Raise NoDecision when the frame is not of the size it must be, or shows what the one before has shown."""
        if frame.simulated or not frame.complete:
            return
        image, before = frame.image, self._before
        height_px, width_px = size = image.shape[:2]
        self._size_px = self._size_px or size
        if size != self._size_px:
            ordered = f"{self._size_px[1]} × {self._size_px[0]}"
            raise NoDecision(Reason.FRAME_SIZE, f"the photo is {width_px} × {height_px} px, not {ordered}")
        self._before = image
        if before is not None and _equal(image, before):
            raise NoDecision(Reason.FRAME_STALE, f"frame {frame.frame_id} is the same picture as the one before")


def _equal(one: Image, other: Image) -> bool:
    grid = np.s_[::FROZEN_STEP_PX, ::FROZEN_STEP_PX]
    return np.array_equal(one[grid], other[grid]) and np.array_equal(one, other)
