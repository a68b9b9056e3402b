"""Vary a training tile within what a conveyor can produce: position, slight rotation, size, exposure, noise, focus."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import affine

from agent.inspection import Image
from agent.procedural import render_belt
from trainer.params import AugmentParams

OUTSIDE = 255
"""In the mask while it is moved: no part here, the belt shows."""


class Augment:
    """One random variation a call; the generator given decides all of it."""

    def __init__(self, params: AugmentParams) -> None:
        self._params = params

    def __call__(self, rng: np.random.Generator, image: Image, mask: Image) -> tuple[Image, Image]:
        image, mask = self._flip(rng, image, mask)
        return self._place(rng, self._expose(rng, image), mask)

    def _flip(self, rng: np.random.Generator, image: Image, mask: Image) -> tuple[Image, Image]:
        if rng.random() < 0.5:
            image, mask = image[:, ::-1], mask[:, ::-1]
        if rng.random() < 0.5:
            image, mask = image[::-1], mask[::-1]
        return np.ascontiguousarray(image), np.ascontiguousarray(mask)

    def _place(self, rng: np.random.Generator, image: Image, mask: Image) -> tuple[Image, Image]:
        """Shift, turn and scale as one; where the part has left the picture, the belt or black shows."""
        angle = float(rng.uniform(-1, 1) * self._params.rotation_deg)
        shift = [int(value) for value in rng.integers(-self._params.shift_px, self._params.shift_px + 1, 2)]
        scale = float(1 + rng.uniform(-1, 1) * self._params.scale)
        grey, truth = torch.from_numpy(image)[None], torch.from_numpy(mask)[None]
        grey = affine(grey, angle, shift, scale, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR)
        truth = affine(truth, angle, shift, scale, [0.0, 0.0], fill=[OUTSIDE])
        return _with_belt(rng, grey.numpy()[0], truth.numpy()[0])

    def _expose(self, rng: np.random.Generator, image: Image) -> Image:
        """Gain, gamma, focus, noise, in the order in which light takes them."""
        gain = np.exp(rng.uniform(-1, 1) * np.log1p(self._params.gain))
        gamma = np.exp(rng.uniform(-1, 1) * self._params.gamma)
        curve = np.clip((np.arange(256) / 255.0) ** gamma * 255.0 * gain, 0, 255).astype(np.uint8)
        light = np.asarray(cv2.LUT(image, curve), np.float32)
        if rng.random() < 0.3:
            light = np.asarray(
                cv2.GaussianBlur(light, (0, 0), rng.uniform(0.1, 0.1 + self._params.blur_px)), np.float32
            )
        if rng.random() < 0.5:
            light = light + rng.normal(0, rng.uniform(0, self._params.noise), image.shape).astype(np.float32)
        return np.clip(light, 0, 255).astype(np.uint8)


def _with_belt(rng: np.random.Generator, image: Image, mask: Image) -> tuple[Image, Image]:
    outside = mask == OUTSIDE
    if outside.any() and rng.random() < 0.7:
        image = np.where(outside, render_belt(rng, *image.shape), image)
    return image, np.where(outside, 0, mask).astype(np.uint8)
