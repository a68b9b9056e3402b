"""Choose the threshold on validation tiles, for an allowed overkill that is to hold on tiles not seen yet.

One threshold for all classes: the classes' scores come of one softmax and compare, and one number is fitted far better
by the few defective tiles there are than a number for each class (docs/decisions.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.suspicion import SCORES
from trainer.tiles import GOOD

LEVELS = np.arange(5, SCORES)
"""Thresholds that may be set, of 255: below, all is noise; at 255 a score is rounded to certainty and tells nothing."""
EPS = 1e-9


@dataclass(frozen=True)
class Suspects:
    """Tiles, and how suspicious each is: `levels`, of 0..255, are the highest of any class (trainer.suspicion)."""

    labels: NDArray[np.str_]
    levels: NDArray[np.int64]


class Operation:
    """What every threshold finds and loses among the validation tiles; then one for any allowed overkill."""

    def __init__(self, tiles: Suspects) -> None:
        rejected = tiles.levels >= LEVELS[:, None]
        self._overkill = _share(rejected[:, tiles.labels == GOOD])
        self._recall = _share(rejected[:, tiles.labels != GOOD])

    def threshold(self, overkill: float) -> float:
        """A score, 0..1; `overkill` is the share of good tiles that may be rejected.

        Of the thresholds that keep to it those that find most; of several as good the middle one, which leaves room for
        worse tiles, good and defective, than were seen. If none keeps to it, the strictest.
        """
        kept = LEVELS[self._overkill <= overkill + EPS]
        recall = self._recall[len(LEVELS) - len(kept) :]  # overkill only falls: those kept are the highest
        best = kept[recall >= recall.max(initial=0) - EPS] if kept.size else LEVELS[-1:]
        return round(_middle(best) / SCORES, 3)


def _middle(levels: NDArray[np.int64]) -> int:
    """Between the lowest and the highest, in logits of their lower borders: scores crowd near 0 and 1."""
    borders = (levels[[0, -1]] - 0.5) / SCORES
    middle = float(np.log(borders / (1 - borders)).mean())
    return round(SCORES / (1 + math.exp(-middle)) + 0.5)


def _share(rejected: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of the tiles, at each level; 0 of none."""
    return np.asarray(rejected.sum(axis=1) / max(rejected.shape[1], 1))
