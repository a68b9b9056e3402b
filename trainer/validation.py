"""How good is the network on the validation tiles, asked as the line asks: is a defect tile told from a good one?"""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.utilities import dim_zero_cat

PART_PX = 12
"""A part's score is that of its so-many-th most suspicious pixel: one hot pixel is no defect."""
HIGHEST_OVERKILL = 0.1
"""Recall is averaged from no overkill to this: about twice of what a line accepts."""
DICE_SHARE = 0.1
"""Of Dice in `quality`: as much as one more good tile below one defect tile, so that it decides between equals only."""


class ValidationScores(Metric):
    """Collects parts, those of all processes, and scores each class against the good ones.

    Per class: `recall_<class>`, the mean recall at 0 to 10 % overkill; `auroc_<class>`; `dice_<class>`, mean over its
    images. `quality`, which chooses the checkpoint, is the classes' mean recall and, at a tenth, Dice. With 5 to 30
    images a class, recall at one overkill moves in steps of up to a fifth and says nothing between them; its mean
    over the first tenth of the good tiles has a hundred steps, and unlike AUROC does not ask how the tiles rank that
    no line would reject.
    """

    full_state_update = False

    def __init__(self, classes: tuple[str, ...]) -> None:
        super().__init__()
        self._classes = classes
        for name in ("labels", "scores", "dice"):
            self.add_state(name, default=[], dist_reduce_fx="cat")
        self.labels: list[Tensor]
        self.scores: list[Tensor]
        self.dice: list[Tensor]

    def update(self, logits: Tensor, truth: Tensor) -> None:
        """`logits` B×classes×H×W, `truth` B×H×W class indices; a part shows one class at most."""
        suspicion = 1 - logits.softmax(dim=1)[:, 0]
        predicted, labels = logits.argmax(dim=1), truth.amax(dim=(1, 2))
        self.labels.append(labels)
        self.scores.append(suspicion.flatten(1).topk(PART_PX, dim=1).values[:, -1])
        own = labels[:, None, None]
        self.dice.append(image_dice(predicted == own, truth == own))

    def compute(self) -> dict[str, Tensor]:
        labels, scores, dice = dim_zero_cat(self.labels), dim_zero_cat(self.scores), dim_zero_cat(self.dice)
        good = scores[labels == 0]
        found: dict[str, Tensor] = {}
        for index, name in enumerate(self._classes, start=1):
            own = labels == index
            if bool(own.any()) and len(good):
                found[f"recall_{name}"] = low_overkill_recall(scores[own], good)
                found[f"auroc_{name}"] = binary_auroc(scores[own | (labels == 0)], labels[own | (labels == 0)].sign())
                found[f"dice_{name}"] = dice[own].mean()
        recall, overlap = class_mean(found, "recall_"), class_mean(found, "dice_")
        return {**found, "quality": (1 - DICE_SHARE) * recall + DICE_SHARE * overlap}


def low_overkill_recall(defective: Tensor, good: Tensor) -> Tensor:
    """Mean share of `defective` scores above the threshold, while 0, 1, … up to a tenth of the `good` are."""
    thresholds = good.topk(int(HIGHEST_OVERKILL * len(good)) + 1).values
    return (defective[None] > thresholds[:, None]).float().mean()


def image_dice(predicted: Tensor, truth: Tensor) -> Tensor:
    """Dice of each image, both B×H×W and bool; a pixel is the least that counts as size."""
    overlap, size = (predicted & truth).sum(dim=(1, 2)), predicted.sum(dim=(1, 2)) + truth.sum(dim=(1, 2))
    return 2 * overlap / size.clamp(min=1)


def class_mean(found: dict[str, Tensor], prefix: str) -> Tensor:
    values = [value for name, value in found.items() if name.startswith(prefix)]
    return torch.stack(values).mean() if values else torch.tensor(0.0)
