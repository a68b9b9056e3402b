"""Thresholds and scores: what is reported is what the line would do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.inspection import Verdict
from agent.judge import Segmentation
from agent.preprocess import Letterbox
from agent.procedural import DEFECT_CLASSES
from agent.recipe import load_recipe
from trainer.judging import judge_with
from trainer.part_scores import part_scores
from trainer.pixel_scores import PixelScores
from trainer.thresholds import Segmented, choose_thresholds

RECIPE = load_recipe(Path(__file__).parents[2] / "config/recipes/magnetic_tile.toml")
CRACK = DEFECT_CLASSES.index("crack") + 1


def seen(label: str, score: float) -> Segmented:
    """A tile on which a 4 × 30 px crack is found with this score."""
    class_map, score_map = np.ones((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    class_map[10:40, 20:24], score_map[10:40, 20:24] = CRACK, round(score * 255)
    return Segmented(label, Segmentation(class_map, score_map, Letterbox(1.0, 0, 0, 64, 64)))


def test_the_threshold_parts_good_from_defective_with_room_on_both_sides() -> None:
    tiles = [seen("free", score) for score in (0.1, 0.2, 0.3)] + [seen("crack", score) for score in (0.7, 0.8, 0.9)]
    thresholds = choose_thresholds(tiles, DEFECT_CLASSES, RECIPE, 0.1, overkill=0.0)
    assert thresholds["crack"] == pytest.approx(0.5, abs=0.03)
    judge = judge_with(RECIPE, thresholds, 0.1)
    assert [judge.judge(tile.segmentation).verdict for tile in tiles] == [Verdict.PASS] * 3 + [Verdict.REJECT] * 3


def test_overkill_buys_recall() -> None:
    tiles = [seen("free", i / 100) for i in range(50)] + [seen("crack", 0.45)]
    strict, generous = (choose_thresholds(tiles, DEFECT_CLASSES, RECIPE, 0.1, share)["crack"] for share in (0.0, 1.0))
    assert generous < 0.45 < strict


def test_part_scores_count_rejected_tiles() -> None:
    verdicts = [Verdict.REJECT, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION]
    found = part_scores(["crack", "crack", "free", "free"], verdicts, DEFECT_CLASSES)
    assert found == {"recall_crack": 0.5, "n_crack": 2, "overkill": 0.5, "n_free": 2, "recall": 0.5}


def test_dice_per_class_is_the_mean_over_its_images() -> None:
    pixels = PixelScores(("a", "b"))
    half, whole = np.array([[1, 0]], np.uint8), np.array([[1, 1]], np.uint8)
    pixels.add(half, whole)
    pixels.add(whole, whole)
    assert pixels.result() == {
        "dice_a": pytest.approx((2 / 3 + 1) / 2, abs=1e-4),
        "dice_micro": pytest.approx(6 / 7, abs=1e-4),
    }
