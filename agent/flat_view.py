"""A camera's image made flat: lens, perspective, region and rotation in one step, by a map computed once. Pure."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.calibration import CameraCalibration
from agent.errors import NoDecision
from agent.inspection import Image, Reason

_STEPS = 50
_NEXT_TO_NOTHING_PX = 1e-3
"""A region that is flat already must not grow by a pixel for the last digit of a number."""


class Window(NamedTuple):
    """A rectangle of whole pixels."""

    left_px: int
    top_px: int
    width_px: int
    height_px: int

    @property
    def right_px(self) -> int:
        """Behind the last column."""
        return self.left_px + self.width_px

    @property
    def bottom_px(self) -> int:
        """Behind the last row."""
        return self.top_px + self.height_px

    def holds(self, other: Window) -> bool:
        """Does all of the other lie in this one?"""
        return (
            self.left_px <= other.left_px
            and self.top_px <= other.top_px
            and other.right_px <= self.right_px
            and other.bottom_px <= self.bottom_px
        )

    def first_pixel(self, turn_deg: int) -> tuple[int, int]:
        """Which pixel becomes the upper left one when the window is turned clockwise."""
        right, bottom = self.right_px - 1, self.bottom_px - 1
        return {
            0: (self.left_px, self.top_px),
            90: (self.left_px, bottom),
            180: (right, bottom),
            270: (right, self.top_px),
        }[turn_deg]

    def turned_size(self, turn_deg: int) -> tuple[int, int]:
        """Width and height after the turn."""
        return (self.width_px, self.height_px) if turn_deg in (0, 180) else (self.height_px, self.width_px)


class FlatView:
    """Shows a region of the camera's image flat and turned.

    All of the region is shown, so the flat image is the rectangle around it; what lies outside the camera's image is
    filled with its nearest pixels.
    """

    def __init__(self, camera: CameraCalibration, region: Window, turn_deg: int) -> None:
        self._size = camera.size
        self.window = flat_window(camera, region)
        """The inspected image before the turn, in flat pixels."""
        size = self.window.turned_size(turn_deg)
        shown = _turned(self.window, turn_deg) @ camera.flat_from_ray
        lens = np.array(camera.camera_matrix), np.array(camera.distortion)
        # float maps: OpenCV 5 is faster with them than with its fixed-point ones, and they are exact
        self._maps = cv2.initUndistortRectifyMap(*lens, np.eye(3), shown, size, cv2.CV_32FC1)

    def of(self, image: Image) -> Image:
        """uint8 HxW or HxWxC, as the camera gave it → flat. NoDecision when it is not of the calibrated size."""
        height, width = image.shape[:2]
        if (width, height) != self._size:
            raise NoDecision(
                Reason.FRAME_SIZE,
                f"the image of {width} × {height} px is not the calibrated {self._size[0]} × {self._size[1]} px",
            )
        return np.asarray(cv2.remap(image, *self._maps, cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE), np.uint8)


def flat_window(camera: CameraCalibration, region: Window) -> Window:
    """The rectangle of flat pixels around a region of camera pixels."""
    outline = camera.to_flat(_outline(region))
    left, top = np.floor(outline.min(axis=0) + 0.5 + _NEXT_TO_NOTHING_PX).astype(int)
    right, bottom = np.ceil(outline.max(axis=0) + 0.5 - _NEXT_TO_NOTHING_PX).astype(int)
    return Window(int(left), int(top), int(right - left), int(bottom - top))


def _outline(region: Window) -> NDArray[np.float64]:
    """Points along the outer edge of the region's pixels; with a lens, straight edges bend between the corners."""
    along = np.linspace(0, 1, _STEPS)
    zero, one = np.zeros(_STEPS), np.ones(_STEPS)
    unit = np.concatenate(
        [np.column_stack(side) for side in ((along, zero), (along, one), (zero, along), (one, along))]
    )
    return unit * (region.width_px, region.height_px) + (region.left_px - 0.5, region.top_px - 0.5)


def _turned(window: Window, turn_deg: int) -> NDArray[np.float64]:
    """3 × 3: flat pixels → pixels of the cut out and turned image."""
    x_px, y_px = window.first_pixel(turn_deg)
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turn_deg]
    return np.array([[cos, -sin, sin * y_px - cos * x_px], [sin, cos, -sin * x_px - cos * y_px], [0, 0, 1]], float)
