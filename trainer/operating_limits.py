"""Limits that reject as many defective and as few good tiles as can be, on tiles whose suspicion is known.

A limit is a level of `trainer.suspicion`, one a class; a tile is rejected when it reaches that of any class, so
limits are found together. What a class does not need of the overkill is there for another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.suspicion import SCORES
from trainer.tiles import GOOD

LEVELS = np.arange(5, SCORES)
"""Limits that may be set, of 255: below, all is noise; at 255 a score is rounded to certainty and tells nothing."""
EPS = 1e-9
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Suspects:
    """Tiles, and how suspicious each is: `levels` is tile × class, of 0..255.

    Labels beside GOOD only say which tiles are one kind; each kind weighs the same in the recall.
    """

    labels: NDArray[np.str_]
    groups: Ints
    levels: Ints

    def part(self, chosen: NDArray[np.bool_]) -> Suspects:
        return Suspects(self.labels[chosen], self.groups[chosen], self.levels[chosen])


class Limits:
    """Of one allowed overkill: `floors`, the lowest that it permits, and `ceilings`, the highest that find as many."""

    def __init__(self, tiles: Suspects, overkill: float) -> None:
        """`overkill`: the share of the good tiles that may be rejected."""
        self._levels, self._overkill = tiles.levels, overkill + EPS
        self._gain, self._loss = recall_weights(tiles.labels), overkill_weights(tiles.labels)
        self.ceilings = self._raised(self._bought(np.full(tiles.levels.shape[1], LEVELS[-1])))
        self.floors = self._widened(self.ceilings)

    def between(self, share: float) -> Ints:
        """`share` of the way from floors to ceilings, in logits: scores crowd near 0 and 1."""
        logits = (1 - share) * logit(self.floors) + share * logit(self.ceilings)
        return np.asarray(np.round(SCORES / (1 + np.exp(-logits)) + 0.5), np.int64)

    def _bought(self, limits: Ints) -> Ints:
        """Lowered again and again where most recall is gained for each good tile lost."""
        while True:
            recall, lost = self._at(limits)
            worth = np.zeros((len(limits), len(LEVELS)))
            for i in range(len(limits)):
                recalls, losses = self._offers(limits, i)
                bought = (recalls > recall + EPS) & (losses <= max(self._overkill, lost + EPS))
                worth[i, bought] = (recalls[bought] - recall) / (np.maximum(losses[bought] - lost, 0) + EPS)
            if not worth.any():
                return limits
            best, at = np.unravel_index(worth.argmax(), worth.shape)
            limits = _with(limits, int(best), int(LEVELS[at]))

    def _raised(self, limits: Ints) -> Ints:
        """Each as high as no tile found is lost."""
        for i in range(len(limits)):
            recalls, _ = self._offers(limits, i)
            limits = _with(limits, i, LEVELS[np.flatnonzero(recalls >= self._at(limits)[0] - EPS)[-1]])
        return limits

    def _widened(self, floors: Ints) -> Ints:
        """Each lowered for nothing; then, for what may still be lost, the one with least room below its ceiling."""
        for i in range(len(floors)):
            floors = self._lowered(floors, i, self._at(floors)[1])
        narrow = set(range(len(floors)))
        while narrow:
            i = min(narrow, key=lambda i: (logit(self.ceilings)[i] - logit(floors)[i], i))
            losses = self._offers(floors, i)[1]
            dearer = losses[losses > self._at(floors)[1] + EPS]
            if dearer.size and dearer[-1] <= self._overkill:
                floors = self._lowered(floors, i, dearer[-1])
            else:
                narrow.remove(i)
        return floors

    def _lowered(self, limits: Ints, i: int, loss: float) -> Ints:
        _, losses = self._offers(limits, i)
        return _with(limits, i, LEVELS[np.flatnonzero(losses <= loss + EPS)[0]])

    def _at(self, limits: Ints) -> tuple[float, float]:
        """Recall and overkill."""
        rejected = rejects(self._levels, limits)
        return float(rejected @ self._gain), float(rejected @ self._loss)

    def _offers(self, limits: Ints, i: int) -> tuple[Floats, Floats]:
        """Recall and overkill at every one of LEVELS for class i."""
        others = rejects(np.delete(self._levels, i, axis=1), np.delete(limits, i))
        rejected = others | (self._levels[:, i] >= LEVELS[:, None])
        return rejected @ self._gain, rejected @ self._loss


def rejects(levels: Ints, limits: Ints) -> NDArray[np.bool_]:
    """Of each tile."""
    return np.asarray((levels >= limits).any(axis=1))


def recall_weights(labels: NDArray[np.str_]) -> Floats:
    """Of each tile, 1 in all; kinds weigh the same, however many tiles there are of each."""
    kinds, counts = np.unique(labels[labels != GOOD], return_counts=True)
    weight = {GOOD: 0.0} | {kind: 1 / (count * len(kinds)) for kind, count in zip(kinds, counts, strict=True)}
    return np.array([weight[label] for label in labels])


def overkill_weights(labels: NDArray[np.str_]) -> Floats:
    good = labels == GOOD
    return np.asarray(good / max(good.sum(), 1))


def logit(levels: Ints) -> Floats:
    """Of the borders between these levels and the ones below."""
    share = (levels - 0.5) / SCORES
    return np.asarray(np.log(share / (1 - share)))


def _with(limits: Ints, i: int, level: int) -> Ints:
    changed = limits.copy()
    changed[i] = level
    return changed
