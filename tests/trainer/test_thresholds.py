"""Thresholds: chosen on validation tiles so that the allowed overkill holds on others, as the line's judge says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inspection import Verdict
from agent.judge import Segmentation
from agent.preprocess import Letterbox
from agent.procedural import DEFECT_CLASSES
from agent.recipe import Action, load_recipe
from trainer.judging import judge_with
from trainer.suspicion import SCORES, Suspicion
from trainer.thresholds import LEVELS, Operation, Suspects

RECIPE = load_recipe(Path(__file__).parents[2] / "config/recipes/magnetic_tile.toml")
CRACK = DEFECT_CLASSES.index("crack") + 1


def answer(score: int, height_px: int = 30, width_px: int = 4) -> Segmentation:
    """A crack found with this score, of 255."""
    class_map, score_map = np.ones((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    class_map[10 : 10 + height_px, 20 : 20 + width_px] = CRACK
    score_map[10 : 10 + height_px, 20 : 20 + width_px] = score
    return Segmentation(class_map, score_map, Letterbox(1.0, 0, 0, 64, 64))


def suspects(**levels: Iterable[int]) -> Suspects:
    """Tiles of each label by their levels."""
    its = {label: list(of_label) for label, of_label in levels.items()}
    labels = [label for label, of_label in its.items() for _ in of_label]
    return Suspects(np.array(labels), np.array([level for of_label in its.values() for level in of_label]))


def rejected(levels: Iterable[int], threshold: float) -> float:
    """The share that the line rejects: agent.judge rounds a threshold to a level."""
    return float(np.mean(np.array(list(levels)) >= round(threshold * SCORES)))


@pytest.mark.parametrize("score", [1, 128, 254])
def test_suspicion_is_the_highest_threshold_at_which_the_judge_rejects(score: int) -> None:
    found = Suspicion(RECIPE, DEFECT_CLASSES, 0.1).levels(answer(score))
    assert found == dict.fromkeys(DEFECT_CLASSES, 0) | {"crack": score}
    verdicts = [
        judge_with(RECIPE, dict.fromkeys(DEFECT_CLASSES, level / SCORES), 0.1).judge(answer(score)).verdict
        for level in (score, score + 1)
    ]
    assert verdicts == [Verdict.REJECT, Verdict.PASS]


def test_a_class_is_suspicious_by_itself() -> None:
    """However certain the network is of another one beside it."""
    both = answer(100)
    both.class_map[44:60, 40:60], both.score_map[44:60, 40:60] = DEFECT_CLASSES.index("fray") + 1, 255
    found = Suspicion(RECIPE, DEFECT_CLASSES, 0.1).levels(both)
    assert (found["crack"], found["fray"], found["break"]) == (100, 255, 0)


def test_what_the_recipe_lets_pass_is_not_suspicious() -> None:
    short = Suspicion(RECIPE, DEFECT_CLASSES, 0.1).levels(answer(250, height_px=4))
    crack = RECIPE.classes["crack"].model_copy(update={"action": Action.IGNORE})
    ignored = RECIPE.model_copy(update={"classes": RECIPE.classes | {"crack": crack}})
    assert short["crack"] == Suspicion(ignored, DEFECT_CLASSES, 0.1).levels(answer(250))["crack"] == 0
    assert Suspicion(RECIPE, DEFECT_CLASSES, 0.1).levels(None) == dict.fromkeys(DEFECT_CLASSES, 0)


levels = st.lists(st.integers(0, 255), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(levels, levels, levels, st.sampled_from([0.0, 0.1, 0.5]))
def test_no_threshold_that_keeps_to_the_overkill_finds_more(
    good: list[int], crack: list[int], fray: list[int], overkill: float
) -> None:
    chosen = Operation(suspects(free=good, crack=crack, fray=fray)).threshold(overkill)
    assert round(chosen * SCORES) in LEVELS

    def found(threshold: float) -> float:
        return rejected(crack, threshold) + rejected(fray, threshold)

    kept = [level / SCORES for level in LEVELS if rejected(good, level / SCORES) <= overkill]
    if kept:
        assert rejected(good, chosen) <= overkill
        assert found(chosen) == pytest.approx(max(found(level) for level in kept))
    else:
        assert round(chosen * SCORES) == LEVELS[-1]


@pytest.mark.parametrize("allowed", [0.0, 0.2])
def test_a_threshold_has_room_on_both_sides_and_spends_nothing_that_buys_nothing(allowed: float) -> None:
    tiles = suspects(free=range(10, 50), crack=range(200, 220), fray=[220] * 20)
    assert 0.4 < Operation(tiles).threshold(allowed) < 0.6


def test_the_allowed_overkill_holds_on_tiles_not_seen() -> None:
    """On the average of a hundred draws of as many good tiles as the shipped model has; the classes overlap."""
    rng = np.random.default_rng(3)

    def drawn(middle: int, count: int) -> np.ndarray:
        return np.clip(rng.normal(middle, 40, count), 0, 255).astype(int)

    others = drawn(90, 5000)
    chosen = [
        Operation(suspects(free=drawn(90, 120), crack=drawn(180, 30), fray=drawn(190, 30))).threshold(0.05)
        for _ in range(100)
    ]
    assert 0.03 < np.mean([rejected(others, threshold) for threshold in chosen]) < 0.06


def test_more_allowed_overkill_is_never_stricter() -> None:
    operation = Operation(suspects(free=range(0, 240, 6), crack=range(0, 240, 12), fray=[250] * 9))
    chosen = [operation.threshold(allowed) for allowed in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)]
    assert chosen == sorted(chosen, reverse=True)
    assert chosen[4] < chosen[0]


@pytest.mark.parametrize("tiles", [{"free": [9]}, {"crack": [200]}, {"free": [255] * 3}])
def test_a_threshold_comes_of_any_validation_tiles(tiles: dict[str, list[int]]) -> None:
    assert 0 < Operation(suspects(**tiles)).threshold(0.05) < 1
