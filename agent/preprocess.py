"""Camera frame → model input. The same function trains and serves, so the two cannot drift apart.

Everything after this (normalising, transposing) is inside the ONNX graph.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from agent.inspection import Image
from agent.model_contract import InputSpec


@dataclass(frozen=True)
class Letterbox:
    """Where the scaled image lies inside the model input."""

    scale: float
    left_px: int
    top_px: int
    width_px: int
    height_px: int

    def to_image(self, x_px: float, y_px: float) -> tuple[float, float]:
        """A point of the model input, in the pixels of the original image."""
        return (x_px + 0.5 - self.left_px) / self.scale - 0.5, (y_px + 0.5 - self.top_px) / self.scale - 0.5

    @property
    def inside(self) -> tuple[slice, slice]:
        """Rows and columns of the model input that show the image, not padding."""
        return (
            slice(self.top_px, self.top_px + self.height_px),
            slice(self.left_px, self.left_px + self.width_px),
        )


def fit(height_px: int, width_px: int, spec: InputSpec) -> Letterbox:
    """Centre an image in the model input; shrink it if it must, never enlarge it."""
    scale = min(1.0, spec.height_px / height_px, spec.width_px / width_px)
    new_height, new_width = max(1, round(height_px * scale)), max(1, round(width_px * scale))
    return Letterbox(scale, (spec.width_px - new_width) // 2, (spec.height_px - new_height) // 2, new_width, new_height)


def letterbox(image: Image, spec: InputSpec) -> tuple[Image, Letterbox]:
    """uint8 HxW or HxWxC → uint8 spec.height × spec.width × spec.channels, and where it lies."""
    box = fit(image.shape[0], image.shape[1], spec)
    scaled = _channels(_resize(image, box, cv2.INTER_AREA), spec.channels)
    if scaled.shape[:2] == (spec.height_px, spec.width_px):
        return scaled, box
    canvas = np.full((spec.height_px, spec.width_px, spec.channels), spec.pad_value, np.uint8)
    canvas[box.inside] = scaled
    return canvas, box


def letterbox_mask(mask: Image, spec: InputSpec) -> Image:
    """The class mask (uint8 HxW) in the model input's geometry; padding is background (0)."""
    box = fit(mask.shape[0], mask.shape[1], spec)
    canvas = np.zeros((spec.height_px, spec.width_px), np.uint8)
    canvas[box.inside] = _resize(mask, box, cv2.INTER_NEAREST)
    return canvas


def _resize(image: Image, box: Letterbox, interpolation: int) -> Image:
    if image.shape[:2] == (box.height_px, box.width_px):
        return image
    return np.asarray(cv2.resize(image, (box.width_px, box.height_px), interpolation=interpolation), np.uint8)


def _channels(image: Image, channels: int) -> Image:
    """Grey ↔ colour as the model wants it; always HxWxC."""
    given = 1 if image.ndim == 2 else image.shape[2]
    if given == channels:
        return image.reshape(*image.shape[:2], channels)
    if channels == 1:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)[..., None]
    return np.asarray(cv2.cvtColor(image.reshape(image.shape[:2]), cv2.COLOR_GRAY2BGR), np.uint8)
