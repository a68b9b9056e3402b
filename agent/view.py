"""What of the camera's image is inspected, and how it lies: region of interest, rotation, grey or colour. Pure."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from agent.camera_config import ViewConfig
from agent.errors import NoDecision
from agent.inspection import Frame, Image, Reason

_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


class View:
    """Applied to every frame before anybody looks at it."""

    def __init__(self, config: ViewConfig) -> None:
        self._config = config

    def of(self, frame: Frame) -> Frame:
        """The same frame with the inspected image, uint8 HxW or HxWx3; a region alone is not copied.

        Raises NoDecision when the frame is incomplete or does not hold the region.
        """
        if not frame.complete or frame.image.size == 0:
            raise NoDecision(Reason.FRAME_INCOMPLETE, "the camera delivered an incomplete frame")
        image = self._turned(self._cut(frame.image))
        return replace(frame, image=self._coloured(image))

    def _cut(self, image: Image) -> Image:
        region = self._config.region
        if region is None:
            return image
        right, bottom = region.x_px + region.width_px, region.y_px + region.height_px
        if right > image.shape[1] or bottom > image.shape[0]:
            raise NoDecision(
                Reason.FRAME_INCOMPLETE,
                f"the image of {image.shape[1]} × {image.shape[0]} px does not hold [view] region",
            )
        return image[region.y_px : bottom, region.x_px : right]

    def _turned(self, image: Image) -> Image:
        turn = self._config.rotate_deg
        return np.asarray(cv2.rotate(image, _TURNS[turn]), np.uint8) if turn else image

    def _coloured(self, image: Image) -> Image:
        grey = image.ndim == 2
        if self._config.colour == "grey" and not grey:
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._config.colour == "colour" and grey:
            return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        return image
