"""The training loss: cross-entropy in which rare pixels count more, Dice per image and class, and the part's verdict.

A blowhole is 0.1 % of its tile. Counted by pixels, "all background" is nearly right and the network stays there;
so a defect pixel weighs as much as the background outnumbers it (square root, or everything becomes a defect),
Dice gives each image and class one vote, and the hottest pixels, which decide on the part, are asked for on their own:
a good tile is thrown away for a few dozen of its 65,536 pixels, which the other two hardly feel.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMOOTH_PX = 4.0
COLD_PX, HOT_PX = 64, 16
"""So many of the most suspicious pixels of a good tile, and of a defect, decide on the part."""
PART_SHARE = 0.15
"""Of the part's verdict in the loss; at one half it starves the rest, and scores stay low."""


def segmentation_loss(logits: Tensor, truth: Tensor, highest_weight: float) -> Tensor:
    """`logits` B×classes×H×W, `truth` B×H×W class indices."""
    log = logits.log_softmax(dim=1)
    weight = pixel_weights(truth, highest_weight)
    entropy = functional.nll_loss(log, truth, reduction="none")
    return (entropy * weight).sum() / weight.sum() + dice_loss(log.exp(), truth) + PART_SHARE * part_loss(log, truth)


def pixel_weights(truth: Tensor, highest: float) -> Tensor:
    """1 for a good pixel; for a defect pixel √(good / defect pixels of its image), at most `highest`."""
    defect = truth > 0
    count = defect.sum(dim=(1, 2), keepdim=True)
    odds = (truth[0].numel() - count) / count.clamp(min=1)
    return torch.where(defect, odds.sqrt().clamp(1.0, highest), 1.0)


def dice_loss(probability: Tensor, truth: Tensor) -> Tensor:
    """1 − soft Dice, averaged over the (image, defect class) pairs present in the batch."""
    flat = truth.flatten(1)
    own = probability.flatten(2).gather(1, flat[:, None])[:, 0]
    zeros = own.new_zeros(probability.shape[:2])
    overlap = zeros.scatter_add(1, flat, own)
    count = zeros.scatter_add(1, flat, torch.ones_like(own))
    dice = (2 * overlap + SMOOTH_PX) / (probability.sum(dim=(2, 3)) + count + SMOOTH_PX)
    return _mean(1 - dice[:, 1:][count[:, 1:] > 0])


def part_loss(log: Tensor, truth: Tensor) -> Tensor:
    """The most suspicious pixels of good tiles shall be cold, those of each defect tile's defect hot.

    `log` are log-probabilities. Pixels of a defect tile beside its defect are asked nothing here: where an uneven
    patch ends is a matter of taste.
    """
    suspicion = (log[:, 1:].logsumexp(dim=1) - log[:, 0]).flatten(1)
    defect = (truth > 0).flatten(1)
    shown = defect.sum(dim=1)
    cold = suspicion[shown == 0].topk(COLD_PX).values
    seen = shown >= HOT_PX
    hot = suspicion[seen].masked_fill(~defect[seen], -torch.inf).topk(HOT_PX).values
    return _mean(functional.softplus(cold)) + _mean(functional.softplus(-hot))


def _mean(values: Tensor) -> Tensor:
    """0 of nothing: a batch may lack what is asked for."""
    return values.sum() / max(values.numel(), 1)
