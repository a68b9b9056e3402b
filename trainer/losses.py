"""The training loss: cross-entropy that counts defect pixels more, and Dice per image and class.

Dice per image makes a blowhole of 0.1 % of its tile weigh as much as a torn half; without it the network
stays at "all background" for the first thousand steps.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMOOTH_PX = 4.0


def segmentation_loss(logits: Tensor, truth: Tensor, defect_weight: float) -> Tensor:
    """`logits` B×classes×H×W, `truth` B×H×W class indices."""
    weight = torch.full((logits.shape[1],), defect_weight, device=logits.device)
    weight[0] = 1.0
    return functional.cross_entropy(logits, truth, weight=weight) + dice_loss(logits, truth)


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − soft Dice, averaged over the (image, defect class) pairs present in the batch."""
    probability = logits.softmax(dim=1)[:, 1:]
    target = functional.one_hot(truth, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:].to(probability.dtype)
    overlap = (probability * target).sum(dim=(2, 3))
    size = probability.sum(dim=(2, 3)) + target.sum(dim=(2, 3))
    dice = (2 * overlap + SMOOTH_PX) / (size + SMOOTH_PX)
    present = target.amax(dim=(2, 3)) > 0
    return (1 - dice[present]).mean() if bool(present.any()) else logits.sum() * 0
