"""Pixels counted as the iterative/magnetic-tiles-defect project counts them, for comparison with its Dice.

Defect against the rest; photo and mask are resized so that the short side is 224 px, and what lies outside the middle
224 × 224 px is not scored. Over the defect photos of a test side, all pixels at once. What differs: a mask counts from
its middle grey up, where that project takes all but black, and the four empty masks are left out.
"""

from __future__ import annotations

import cv2
import numpy as np

from agent.inspection import Image
from agent.judge import Segmentation
from trainer.pixel_counts import PixelCounts, pixel_counts

SIDE_PX = 224


def centre_counts(mask: Image, answer: Segmentation | None, level: int) -> PixelCounts:
    """`mask`: class indices in the photo's own pixels, uint8 H×W; None for the answer: no defect is predicted.

    `level`: the score, of 255, from which a pixel is predicted defect.
    """
    truth = _centre((mask > 0).astype(np.uint8), cv2.INTER_NEAREST)
    if answer is None:
        return pixel_counts(np.zeros_like(truth), truth, own=1)
    height_px, width_px = mask.shape
    scores = cv2.resize(answer.score_map[answer.box.inside], (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    found = _centre(np.asarray(scores, np.uint8), cv2.INTER_LINEAR) >= level
    return pixel_counts(found.astype(np.uint8), truth, own=1)


def _centre(image: Image, interpolation: int) -> Image:
    scale = SIDE_PX / min(image.shape)
    height_px, width_px = (max(SIDE_PX, round(side * scale)) for side in image.shape)
    scaled = cv2.resize(image, (width_px, height_px), interpolation=interpolation)
    top, left = (height_px - SIDE_PX) // 2, (width_px - SIDE_PX) // 2
    return np.asarray(scaled[top : top + SIDE_PX, left : left + SIDE_PX], np.uint8)
