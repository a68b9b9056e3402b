"""Choose the thresholds on validation tiles, for an allowed overkill that is to hold on tiles not seen yet.

Thresholds that keep to the allowed overkill on the tiles they were fitted to, exceed it on others: each class has its
own most suspicious good tile. So the validation groups are dealt into FOLDS; limits are fitted without one of them
and tried on it, for every step of a path from strict to lenient:

- of all limits that reject no good tile and still find as many defects, the highest, then lower and lower ones;
- the lowest that reject 0.5 %, 1 %, 2 % … of the good tiles, where that buys most recall (trainer.operating_limits).

Of the steps whose overkill on the tiles left out keeps to what is allowed, those are taken that find most there, then
those of them that lose least; of several as good the middle one, which leaves room for worse tiles, good and defective,
than were seen. That step, fitted to all validation tiles, gives the thresholds. If no step keeps to what is allowed,
the strictest is taken.
"""

from __future__ import annotations

import numpy as np

from trainer.operating_limits import EPS, Floats, Ints, Limits, Suspects, overkill_weights, recall_weights, rejects
from trainer.suspicion import SCORES

FITTED = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
"""Overkill on the tiles fitted to, of the path's lenient steps."""
STRICTER = (1.0, 0.75, 0.5, 0.25)
"""How far from the lowest to the highest limits that reject no good tile, of its strict steps."""
FOLDS = 8


class Operation:
    """The path, tried once; then thresholds for any allowed overkill."""

    def __init__(self, tiles: Suspects, classes: tuple[str, ...]) -> None:
        self._classes, self._path = classes, _path(tiles)
        self._recall, self._overkill = _tried(tiles)

    def thresholds(self, overkill: float) -> dict[str, float]:
        """One a class, of scores 0..1; `overkill` is the share of good tiles that may be rejected."""
        kept = np.flatnonzero(self._overkill <= overkill + EPS)
        most = kept[self._recall[kept] >= self._recall[kept].max(initial=0) - EPS]
        best = most[self._overkill[most] <= self._overkill[most].min(initial=1) + EPS]
        step = int(best[len(best) // 2]) if best.size else 0
        return {
            name: round(int(level) / SCORES, 3) for name, level in zip(self._classes, self._path[step], strict=True)
        }


def _path(tiles: Suspects) -> Ints:
    """step × class, strict first."""
    fitted = [Limits(tiles, overkill) for overkill in FITTED]
    return np.array([*(fitted[0].between(share) for share in STRICTER), *(limits.floors for limits in fitted)])


def _tried(tiles: Suspects) -> tuple[Floats, Floats]:
    """Recall and overkill of each step, on tiles that it was not fitted to."""
    fold = _dealt(tiles)
    rejected = np.zeros((len(STRICTER) + len(FITTED), len(fold)), bool)
    for left_out in np.unique(fold):
        path = _path(tiles.part(fold != left_out))
        rejected[:, fold == left_out] = [rejects(tiles.levels[fold == left_out], limits) for limits in path]
    return rejected @ recall_weights(tiles.labels), rejected @ overkill_weights(tiles.labels)


def _dealt(tiles: Suspects) -> Ints:
    """The fold of each tile: groups in turn, kind by kind, so that none is without a class that has enough groups."""
    label_of = dict(zip(tiles.groups.tolist(), tiles.labels.tolist(), strict=True))
    order = sorted(label_of, key=lambda group: (label_of[group], group))
    place = {group: i % FOLDS for i, group in enumerate(order)}
    return np.array([place[group] for group in tiles.groups.tolist()])
