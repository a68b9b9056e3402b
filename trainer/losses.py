"""The training loss: cross-entropy in which rare pixels count more, and Dice per image and class.

A blowhole is 0.1 % of its tile. Counted by pixels, "all background" is nearly right and the network stays there;
so a defect pixel weighs as much as the background outnumbers it (square root, or everything becomes a defect),
and Dice gives each image and class one vote.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMOOTH_PX = 4.0


def segmentation_loss(logits: Tensor, truth: Tensor, highest_weight: float) -> Tensor:
    """`logits` B×classes×H×W, `truth` B×H×W class indices."""
    weight = pixel_weights(truth, highest_weight)
    entropy = functional.cross_entropy(logits, truth, reduction="none")
    return (entropy * weight).sum() / weight.sum() + dice_loss(logits, truth)


def pixel_weights(truth: Tensor, highest: float) -> Tensor:
    """1 for a good pixel; for a defect pixel √(good / defect pixels of its image), at most `highest`."""
    defect = truth > 0
    count = defect.sum(dim=(1, 2), keepdim=True)
    odds = (truth[0].numel() - count) / count.clamp(min=1)
    return torch.where(defect, odds.sqrt().clamp(1.0, highest), 1.0)


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """1 − soft Dice, averaged over the (image, defect class) pairs present in the batch."""
    probability = logits.softmax(dim=1)[:, 1:]
    target = functional.one_hot(truth, logits.shape[1]).permute(0, 3, 1, 2)[:, 1:].to(probability.dtype)
    overlap = (probability * target).sum(dim=(2, 3))
    size = probability.sum(dim=(2, 3)) + target.sum(dim=(2, 3))
    dice = (2 * overlap + SMOOTH_PX) / (size + SMOOTH_PX)
    present = target.amax(dim=(2, 3)) > 0
    return (1 - dice[present]).mean() if bool(present.any()) else logits.sum() * 0
