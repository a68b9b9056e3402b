"""What the sensor makes of the scene under the lens, as bytes in the camera's pixel format. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from agent.cameras.sim.features import PIXEL_FORMATS
from agent.inspection import Image


def sensed(scene: Image, region: tuple[int, int, int, int], pixel_format: int) -> bytes:
    """`scene`: uint8 HxW or HxWx3 (BGR). `region`: x, y, width, height in px, cut out of it.

    The scene lies in the sensor's top left corner; beyond its edge goes on what lies at the edge.
    """
    x_px, y_px, width_px, height_px = region
    cut = scene[min(y_px, scene.shape[0] - 1) :, min(x_px, scene.shape[1] - 1) :][:height_px, :width_px]
    missing = ((0, height_px - cut.shape[0]), (0, width_px - cut.shape[1]), (0, 0))[: cut.ndim]
    return _formatted(np.pad(cut, missing, mode="edge"), pixel_format).tobytes()


def _formatted(image: Image, pixel_format: int) -> Image:
    if pixel_format == PIXEL_FORMATS["Mono8"]:
        return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    colour = image if image.ndim == 3 else np.dstack([image] * 3)
    if pixel_format == PIXEL_FORMATS["RGB8"]:
        return colour[:, :, ::-1]
    mosaic = np.array(colour[:, :, 1])  # RG8: red top left of each four pixels, blue bottom right, else green
    mosaic[::2, ::2], mosaic[1::2, 1::2] = colour[::2, ::2, 2], colour[1::2, 1::2, 0]
    return mosaic
