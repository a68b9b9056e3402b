"""How well the defect's pixels of one photo are found, as counts, and what Dice and IoU make of counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.inspection import Image
from agent.judge import Segmentation


@dataclass(frozen=True)
class PixelCounts:
    """Of one photo, in pixels of the model's input. "Own" is the class of the photo's label."""

    truth: int = 0
    predicted: int = 0
    """As any defect class."""
    overlap: int = 0
    """Predicted as any defect class where there is a defect."""
    own_predicted: int = 0
    own_overlap: int = 0
    """Predicted as its own class where there is a defect."""

    @property
    def dice(self) -> float:
        """Defect against the rest, whatever the class; 1 where there is neither truth nor prediction."""
        return dice(self.overlap, self.predicted, self.truth)


def predicted_mask(segmentation: Segmentation, level: int) -> Image:
    """Class indices in model pixels, 0 where the score does not reach `level`, of 255 (trainer.pixel_level)."""
    return np.where(segmentation.score_map >= level, segmentation.class_map, 0).astype(np.uint8)


def pixel_counts(predicted: Image, truth: Image, own: int) -> PixelCounts:
    """Two masks of class indices, uint8 H×W; `own` is the index of the label, 0 for a good photo."""
    defect, found = truth > 0, predicted > 0
    as_own = found & (predicted == own)
    return PixelCounts(*(int(np.count_nonzero(x)) for x in (defect, found, found & defect, as_own, as_own & defect)))


def dice(overlap: int, one: int, other: int) -> float:
    return 2 * overlap / (one + other) if one + other else 1.0


def iou(overlap: int, one: int, other: int) -> float:
    union = one + other - overlap
    return overlap / union if union else 1.0
