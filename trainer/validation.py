"""How good is the network on the validation tiles, asked as the line asks: is a defect tile told from a good one?"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

PART_PX = 12
"""A part's score is that of its so-many-th most suspicious pixel: one hot pixel is no defect."""


class ValidationScores:
    """Collects parts, then says per class AUROC (against the good parts) and Dice (mean over its images)."""

    def __init__(self, classes: tuple[str, ...]) -> None:
        self._classes = classes
        self._labels: list[int] = []
        self._scores: list[float] = []
        self._dice: list[float] = []

    def add(self, logits: Tensor, truth: Tensor) -> None:
        suspicion = 1 - logits.softmax(dim=1)[:, 0]
        predicted = logits.argmax(dim=1)
        for one, mask, pixels in zip(suspicion, truth, predicted, strict=True):
            label = int(mask.max())
            self._labels.append(label)
            self._scores.append(float(one.flatten().topk(PART_PX).values[-1]))
            self._dice.append(image_dice(pixels == label, mask == label) if label else 0.0)

    def result(self) -> dict[str, float]:
        """`quality` is the mean of all classes' AUROC and Dice."""
        labels, scores, dice = torch.tensor(self._labels), torch.tensor(self._scores), torch.tensor(self._dice)
        found: dict[str, float] = {}
        for index, name in enumerate(self._classes, start=1):
            if not bool((labels == index).any()) or not bool((labels == 0).any()):
                continue
            versus_good = (labels == index) | (labels == 0)
            found[f"auroc_{name}"] = float(binary_auroc(scores[versus_good], (labels[versus_good] == index).int()))
            found[f"dice_{name}"] = float(dice[labels == index].mean())
        return {**found, "quality": sum(found.values()) / max(len(found), 1)}


def image_dice(predicted: Tensor, truth: Tensor) -> float:
    """Dice of one image and class."""
    return float(2 * (predicted & truth).sum() / (predicted.sum() + truth.sum()).clamp(min=1))
