"""The judge: same input, same verdict; areas and places in millimetres; nothing hides a defect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.inspection import Image, Judgement, Verdict
from agent.judge import Calibration, Judge, Segmentation
from agent.preprocess import Letterbox
from agent.procedural import DEFECT_CLASSES
from agent.recipe import Action, ClassRule, Recipe, Zone
from tests.tiny_model import tiny_contract

SIDE = 64
WHOLE = Letterbox(1.0, 0, 0, SIDE, SIDE)
CALIBRATION = Calibration(0.1, 0.1)


def recipe(**rules: ClassRule) -> Recipe:
    return Recipe(name="test", job=1, classes=dict.fromkeys(DEFECT_CLASSES, ClassRule()) | rules)


def maps(*squares: tuple[int, int, int, int, int]) -> tuple[Image, Image]:
    """Class and score map with squares (left, top, side, class index, score); elsewhere class 1 with score 0."""
    classes, scores = np.ones((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    for left, top, side, index, score in squares:
        window = np.s_[top : top + side, left : left + side]
        classes[window], scores[window] = index, score
    return classes, scores


def judge(
    squares: list[tuple[int, int, int, int, int]],
    rules: Recipe | None = None,
    box: Letterbox = WHOLE,
    calibration: Calibration = CALIBRATION,
) -> Judgement:
    return Judge(rules or recipe(), calibration, tiny_contract()).judge(Segmentation(*maps(*squares), box))


@given(st.integers(0, 255), st.integers(1, 5), st.floats(0.01, 1.0))
def test_a_score_at_the_threshold_rejects_and_one_below_passes(score: int, index: int, min_score: float) -> None:
    rules = recipe(**{DEFECT_CLASSES[index - 1]: ClassRule(min_score=min_score)})
    found = judge([(10, 10, 5, index, score)], rules)
    assert (found.verdict is Verdict.REJECT) == (score >= max(1, round(min_score * 255)))
    assert found.peak_scores[DEFECT_CLASSES[index - 1]] == pytest.approx(score / 255, abs=1e-3)


def test_the_models_threshold_counts_when_the_recipe_has_none() -> None:
    assert judge([(10, 10, 5, 2, 128)]).verdict is Verdict.REJECT
    assert judge([(10, 10, 5, 2, 127)]).verdict is Verdict.PASS


def test_the_margin_is_that_of_as_many_pixels_as_the_rule_asks_for() -> None:
    """0.04 mm² are 4 of these pixels: three just below the threshold are no near miss, four are."""
    rules = recipe(crack=ClassRule(min_score=0.6, min_area_mm2=0.04))
    index = DEFECT_CLASSES.index("crack") + 1
    three = [(10, 10, 1, index, 152), (20, 10, 1, index, 152), (30, 10, 1, index, 152)]
    assert judge(three, rules).margin == pytest.approx(0.5), "the other classes' thresholds lie at 0.5 of 1"
    assert judge([*three, (40, 10, 1, index, 152)], rules).margin == pytest.approx(abs(152 / 255 - 0.6), abs=1e-3)
    ignored = recipe(crack=ClassRule(min_score=0.6, min_area_mm2=0.04, action=Action.IGNORE))
    assert judge([(10, 10, 2, index, 152)], ignored).margin == pytest.approx(0.5)


def test_a_threshold_of_zero_does_not_make_the_whole_part_a_defect() -> None:
    assert judge([], recipe(blowhole=ClassRule(min_score=0.0))).verdict is Verdict.PASS


@given(st.integers(1, 20), st.floats(0.01, 2.0), st.floats(0.01, 2.0), st.sampled_from([1.0, 0.5, 0.25]))
def test_area_length_and_place_are_in_image_millimetres(side: int, mm_x: float, mm_y: float, scale: float) -> None:
    """A square of model pixels stands for side / scale camera pixels, whose size may differ in x and y."""
    box = Letterbox(scale, 4, 8, SIDE - 8, SIDE - 16)
    (defect,) = judge([(20, 30, side, 3, 255)], box=box, calibration=Calibration(mm_x, mm_y)).defects
    width_mm, height_mm = side / scale * mm_x, side / scale * mm_y
    assert defect.area_mm2 == pytest.approx(width_mm * height_mm, rel=1e-6)
    pixel_mm = max(mm_x, mm_y) / scale
    assert defect.length_mm == pytest.approx(max(width_mm, height_mm), abs=1.5 * pixel_mm)
    assert defect.x_mm == pytest.approx(((20 - 4 + side / 2) / scale - 0.5) * mm_x, rel=1e-5)
    assert defect.y_mm == pytest.approx(((30 - 8 + side / 2) / scale - 0.5) * mm_y, rel=1e-5)


def test_the_robot_frame_is_rotated_and_shifted() -> None:
    turned = Calibration(0.1, 0.1, origin_x_mm=100, origin_y_mm=50, rotation_deg=90)
    (defect,) = judge([(20, 40, 1, 3, 255)], calibration=turned).defects
    assert (defect.x_mm, defect.y_mm) == pytest.approx((100 - 4.0, 50 + 2.0))


def test_a_region_must_meet_every_limit() -> None:
    square = [(10, 10, 10, 1, 255)]  # 1 mm × 1 mm
    for rule, verdict in (
        (ClassRule(min_area_mm2=1.0), Verdict.REJECT),
        (ClassRule(min_area_mm2=1.01), Verdict.PASS),
        (ClassRule(min_length_mm=0.9), Verdict.REJECT),
        (ClassRule(min_length_mm=2.0), Verdict.PASS),
        (ClassRule(max_count=1), Verdict.PASS),
        (ClassRule(action=Action.IGNORE), Verdict.PASS),
        (ClassRule(zones=(Zone(x_min_mm=0, y_min_mm=0, x_max_mm=2, y_max_mm=2),)), Verdict.REJECT),
        (ClassRule(zones=(Zone(x_min_mm=3, y_min_mm=3, x_max_mm=6, y_max_mm=6),)), Verdict.PASS),
    ):
        found = judge(square, recipe(blowhole=rule))
        assert found.verdict is verdict, rule
        assert len(found.defects) == 1, "what does not count is listed all the same"


def test_one_more_than_tolerated_rejects() -> None:
    rules = recipe(blowhole=ClassRule(max_count=2))
    squares = [(5, 5, 4, 1, 255), (20, 5, 4, 1, 255), (35, 5, 4, 1, 255)]
    assert judge(squares[:2], rules).verdict is Verdict.PASS
    assert judge(squares, rules).verdict is Verdict.REJECT


def test_the_alarm_is_raised_by_its_class_alone() -> None:
    rules = recipe(crack=ClassRule(action=Action.REJECT_AND_ALARM))
    assert judge([(5, 5, 4, 3, 255)], rules).alarm
    assert not judge([(5, 5, 4, 1, 255)], rules).alarm


def test_touching_regions_of_two_classes_stay_two_defects() -> None:
    found = judge([(10, 10, 5, 1, 255), (15, 10, 5, 4, 255)])
    assert sorted(defect.name for defect in found.defects) == ["blowhole", "fray"]


def test_padding_is_not_part_of_the_part() -> None:
    box = Letterbox(1.0, 20, 0, SIDE - 40, SIDE)
    assert judge([(0, 0, 10, 1, 255)], box=box).verdict is Verdict.PASS


def test_a_large_region_counts_among_a_thousand_specks() -> None:
    specks = [(x, y, 1, 1, 255) for x in range(0, SIDE, 2) for y in range(0, 40, 2)]
    found = judge([*specks, (10, 45, 10, 1, 255)], recipe(blowhole=ClassRule(min_area_mm2=0.5)))
    assert found.verdict is Verdict.REJECT
    assert sum(defect.counts for defect in found.defects) == 1


@pytest.mark.parametrize("wrong", [{"blowhole": None}, {"scratch": ClassRule()}])
def test_recipe_and_model_must_name_the_same_classes(wrong: dict[str, ClassRule | None]) -> None:
    classes = {name: rule for name, rule in (dict(recipe().classes) | wrong).items() if rule is not None}
    with pytest.raises(ConfigError, match=r"blowhole|scratch"):
        Judge(Recipe(name="test", job=1, classes=classes), CALIBRATION, tiny_contract())
