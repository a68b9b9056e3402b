"""Dice of defect pixels: per class as the mean over its images, and over all pixels at once (micro)."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from agent.inspection import Image
from agent.judge import Segmentation

LEVEL = 128
"""A pixel is predicted defect at a score of one half: background and the other classes are then less likely."""


def predicted_mask(segmentation: Segmentation) -> Image:
    """Class indices in model pixels, 0 where no defect class reaches one half."""
    return np.where(segmentation.score_map >= LEVEL, segmentation.class_map, 0).astype(np.uint8)


class PixelScores:
    """Collects (prediction, truth) pairs, both in model pixels."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._per_image: dict[str, list[float]] = defaultdict(list)
        self._overlap = self._size = 0

    def add(self, predicted: Image, truth: Image) -> None:
        for index, name in enumerate(self._classes, start=1):
            if np.any(truth == index):
                self._per_image[name].append(dice(predicted == index, truth == index))
        self._overlap += int(np.count_nonzero((predicted == truth) & (truth > 0)))
        self._size += int(np.count_nonzero(predicted)) + int(np.count_nonzero(truth))

    def result(self) -> dict[str, float]:
        per_class = {f"dice_{name}": round(float(np.mean(values)), 4) for name, values in self._per_image.items()}
        return {**per_class, "dice_micro": round(2 * self._overlap / max(self._size, 1), 4)}


def dice(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    size = int(predicted.sum()) + int(truth.sum())
    return 2 * int((predicted & truth).sum()) / size if size else 1.0
