"""How suspicious is a tile of each class: the highest threshold at which that class alone would reject it."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache

from agent.inspection import Verdict
from agent.judge import Judge, Segmentation
from agent.recipe import Action, Recipe
from trainer.judging import judge_with

SCORES = 255
"""A score map's highest value; thresholds between two of its steps are the same threshold."""


class Suspicion:
    """Asks the line's own judge, by the recipe's rules of area, length, count and zone.

    By bisection, as a region only grows when the threshold falls. With `zones` or `max_count` in the recipe a larger
    region can count less; the level found is then one of several.
    """

    def __init__(self, recipe: Recipe, classes: tuple[str, ...], mm_per_px: float) -> None:
        self._recipe, self._classes, self._mm_per_px = recipe, classes, mm_per_px
        self._judge = cache(self._make_judge)

    def levels(self, segmentation: Segmentation | None) -> dict[str, int]:
        """Per class 0..255; 0: no threshold would make it reject, or the network gave no answer (None)."""
        return {name: self._level(name, segmentation) if segmentation else 0 for name in self._classes}

    def _level(self, name: str, segmentation: Segmentation) -> int:
        def passes(level: int) -> bool:
            return self._judge(name, level).judge(segmentation).verdict is Verdict.PASS

        return bisect_left(range(1, SCORES + 1), True, key=passes)

    def _make_judge(self, name: str, level: int) -> Judge:
        """Of one class alone: all others are ignored, and none of their pixels but saturated ones is looked at."""
        rules = {
            other: rule.model_copy(update={"min_score": None, **({} if other == name else {"action": Action.IGNORE})})
            for other, rule in self._recipe.classes.items()
        }
        thresholds = {other: level / SCORES if other == name else 1.0 for other in self._classes}
        return judge_with(self._recipe.model_copy(update={"classes": rules}), thresholds, self._mm_per_px)
