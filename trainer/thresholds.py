"""Choose each class's threshold on validation tiles: as sensitive as the allowed overkill permits, room both ways."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.judge import Segmentation
from agent.recipe import Recipe
from trainer.judging import judge_with
from trainer.tiles import GOOD

LEVELS = np.round(np.linspace(0.04, 0.96, 47), 2)


@dataclass(frozen=True)
class Segmented:
    """A tile as the network saw it."""

    label: str
    segmentation: Segmentation


def choose_thresholds(
    tiles: list[Segmented], classes: tuple[str, ...], recipe: Recipe, mm_per_px: float, overkill: float
) -> dict[str, float]:
    """Each class may reject its equal part of `overkill` of the good tiles.

    Within that the lowest threshold fixes the recall; the highest that still has this recall bounds it from
    above; the middle of both leaves room for tiles not seen yet.
    """
    labels = np.array([tile.label for tile in tiles])
    rejected = rejections(tiles, classes, recipe, mm_per_px)
    share = overkill / len(classes)
    return {
        name: _middle(rejected[name][:, labels == GOOD], rejected[name][:, labels == name], share) for name in classes
    }


def rejections(
    tiles: list[Segmented], classes: tuple[str, ...], recipe: Recipe, mm_per_px: float
) -> dict[str, NDArray[np.bool_]]:
    """Per class: level × tile, true where that class alone rejects the tile at that threshold."""
    found = {name: np.zeros((len(LEVELS), len(tiles)), bool) for name in classes}
    free = recipe.model_copy(
        update={"classes": {name: rule.model_copy(update={"min_score": None}) for name, rule in recipe.classes.items()}}
    )
    for i, level in enumerate(LEVELS):
        judge = judge_with(free, dict.fromkeys(classes, float(level)), mm_per_px)
        for j, tile in enumerate(tiles):
            counting = Counter(defect.name for defect in judge.judge(tile.segmentation).defects if defect.counts)
            for name in counting:
                found[name][i, j] = counting[name] > recipe.classes[name].max_count
    return found


def _middle(good: NDArray[np.bool_], defective: NDArray[np.bool_], share: float) -> float:
    """Both level × tile: which are rejected."""
    allowed = np.flatnonzero(good.sum(axis=1) <= share * good.shape[1])
    if not allowed.size:
        return float(LEVELS[-1])
    lowest, found = allowed[0], defective.sum(axis=1)
    highest = max(lowest, np.flatnonzero(found >= found[lowest])[-1])
    return float(round((LEVELS[lowest] + LEVELS[highest]) / 2, 3))
