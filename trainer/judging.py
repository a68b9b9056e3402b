"""Judge segmentations as the line does, before there is a model file to bring the thresholds."""

from __future__ import annotations

from agent.judge import Calibration, Judge
from agent.model_contract import BACKGROUND, ModelContract
from agent.recipe import Recipe


def judge_with(recipe: Recipe, thresholds: dict[str, float], mm_per_px: float) -> Judge:
    """The agent's judge with these thresholds, one a defect class, in the order of the classes."""
    contract = ModelContract.model_construct(classes=(BACKGROUND, *thresholds), thresholds=thresholds)
    return Judge(recipe, Calibration(mm_per_px, mm_per_px), contract)
