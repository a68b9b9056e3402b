"""Thresholds: chosen on validation tiles so that the allowed overkill holds on others, as the line's judge says."""

from __future__ import annotations

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
from trainer.operating_limits import LEVELS, Limits, Suspects, rejects
from trainer.suspicion import SCORES, Suspicion
from trainer.thresholds import Operation

RECIPE = load_recipe(Path(__file__).parents[2] / "config/recipes/magnetic_tile.toml")
CRACK = DEFECT_CLASSES.index("crack") + 1
TWO = ("crack", "fray")


def answer(score: int, height_px: int = 30, width_px: int = 4) -> Segmentation:
    """A crack found with this score, of 255."""
    class_map, score_map = np.ones((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    class_map[10 : 10 + height_px, 20 : 20 + width_px] = CRACK
    score_map[10 : 10 + height_px, 20 : 20 + width_px] = score
    return Segmentation(class_map, score_map, Letterbox(1.0, 0, 0, 64, 64))


def suspects(*kinds: tuple[str, list[tuple[int, int]]]) -> Suspects:
    """Tiles, each a group of its own, with their levels of crack and fray."""
    labels = [label for label, levels in kinds for _ in levels]
    levels = [level for _, its in kinds for level in its]
    return Suspects(np.array(labels), np.arange(len(labels)), np.array(levels))


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


def test_a_class_that_needs_no_good_tile_leaves_the_overkill_to_another() -> None:
    good = [(20, 10 * i) for i in range(1, 21)]
    tiles = suspects(("free", good), ("crack", [(240, 0)] * 5), ("fray", [(0, 190)] * 5))
    limits = Limits(tiles, overkill=0.1)  # two good tiles: those of 190 and 200
    assert limits.ceilings.tolist() == [240, 190]
    assert rejects(tiles.levels, limits.floors)[tiles.labels == "free"].sum() == 2


def test_recall_is_bought_where_a_good_tile_buys_most() -> None:
    good = [(200, 0), (0, 200), *[(0, 0)] * 18]
    tiles = suspects(("free", good), ("crack", [(150, 0), (254, 0)]), ("fray", [*[(0, 150)] * 2, *[(0, 254)] * 10]))
    limits = Limits(tiles, overkill=0.05)  # one good tile: half the cracks, or a sixth of the frays
    found = rejects(tiles.levels, limits.ceilings)
    assert found[tiles.labels == "crack"].all()
    assert not found[tiles.labels == "fray"].all()


levels = st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(levels, levels, levels, st.sampled_from([0.0, 0.1, 0.5]))
def test_limits_keep_to_the_overkill_and_ceilings_find_what_was_bought(
    good: list[tuple[int, int]], crack: list[tuple[int, int]], fray: list[tuple[int, int]], overkill: float
) -> None:
    tiles = suspects(("free", good), ("crack", crack), ("fray", fray))
    limits = Limits(tiles, overkill)
    assert set(limits.floors) | set(limits.ceilings) <= set(LEVELS.tolist())
    assert (limits.floors <= limits.ceilings).all()
    strictest = rejects(tiles.levels, np.full(2, LEVELS[-1]))
    is_good = tiles.labels == "free"
    lost, least = (rejected[is_good].mean() for rejected in (rejects(tiles.levels, limits.floors), strictest))
    assert lost <= max(overkill, least) + 1e-9
    assert (limits.between(0.5) >= limits.floors).all()
    assert (limits.between(0.5) <= limits.ceilings).all()


@pytest.mark.parametrize("allowed", [0.0, 0.2])
def test_thresholds_have_room_on_both_sides_and_spend_nothing_that_buys_nothing(allowed: float) -> None:
    good, cracks = [(i, 0) for i in range(10, 50)], [(200 + i, 0) for i in range(20)]
    tiles = suspects(("free", good), ("crack", cracks), ("fray", [(0, 220)] * 20))
    assert 0.4 < Operation(tiles, TWO).thresholds(allowed)["crack"] < 0.6


def test_the_allowed_overkill_holds_on_tiles_not_seen() -> None:
    """Two classes that overlap with the good tiles; thresholds fitted as far as allowed would lose more than that."""
    rng = np.random.default_rng(3)

    def drawn(count: int) -> Suspects:
        def scores(middle: int) -> np.ndarray:
            return np.clip(rng.normal(middle, 40, count), 0, 255).astype(int)

        kinds = {"free": (90, 90), "crack": (180, 90), "fray": (90, 180)}
        return suspects(*((name, list(zip(*map(scores, middles), strict=True))) for name, middles in kinds.items()))

    seen, others = drawn(60), drawn(2000)
    chosen, fitted = Operation(seen, TWO).thresholds(0.05), Limits(seen, 0.05).floors / SCORES
    is_good = others.labels == "free"
    lost = {
        name: rejects(others.levels, np.round(np.array(limits) * SCORES))[is_good].mean()
        for name, limits in (("chosen", list(chosen.values())), ("fitted", fitted))
    }
    assert lost["chosen"] <= 0.06
    assert lost["chosen"] <= lost["fitted"]


def test_more_allowed_overkill_is_never_stricter_in_recall() -> None:
    tiles = suspects(
        ("free", [(i * 6, 0) for i in range(40)]), ("crack", [(i * 12, 0) for i in range(20)]), ("fray", [(0, 250)] * 9)
    )
    operation = Operation(tiles, TWO)
    strict, generous = (operation.thresholds(allowed)["crack"] for allowed in (0.0, 0.3))
    assert generous < strict


@pytest.mark.parametrize("kinds", [[("free", [(9, 9)])], [("crack", [(200, 0)])], [("free", [(255, 255)] * 3)]])
def test_thresholds_come_of_any_validation_tiles(kinds: list[tuple[str, list[tuple[int, int]]]]) -> None:
    chosen = Operation(suspects(*kinds), TWO).thresholds(0.05)
    assert set(chosen) == set(TWO)
    assert all(0 < threshold < 1 for threshold in chosen.values())
