"""Scores of judged parts: what is reported is what the line would do, and with what certainty."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import ConfigError
from tests.trainer.hand_made_parts import CLASSES, part
from trainer.intervals import auroc, auroc_interval, ratio_interval
from trainer.parts_table import read_parts, write_parts
from trainer.pixel_counts import PixelCounts, pixel_counts
from trainer.summary import headline, summary


def test_recall_counts_photos_and_the_groups_without_an_escape() -> None:
    parts = [part("crack", 1, True), part("crack", 1, False), part("crack", 2, True), part("free", 3, False)]
    recall = summary(parts, CLASSES)["part"]["recall"]["crack"]
    assert (recall["photos"], recall["of_photos"], recall["groups"], recall["of_groups"]) == (2, 3, 1, 2)
    assert recall["low"] < 2 / 3 < recall["high"]


def test_a_part_without_a_decision_is_no_defect_found_but_a_good_one_thrown_away() -> None:
    found = summary([part("crack", 1), part("free", 2), part("free", 3, False)], CLASSES)
    assert found["part"]["recall"]["crack"]["value"] == 0
    assert found["part"]["overkill"]["value"] == found["curve"][0]["overkill"]["value"] == 0.5
    assert found["confusion"] == {"crack": {"no_decision": 1}, "free": {"no_decision": 1, "free": 1}}


def test_each_point_of_the_curve_has_the_verdicts_of_its_own_thresholds() -> None:
    curve = summary([part("crack", 1, True), part("free", 2, True), part("free", 3, False)], CLASSES)["curve"]
    assert [point["allowed"] for point in curve] == [0.0, 0.05]
    assert [point["recall"]["crack"]["photos"] for point in curve] == [0, 1]
    assert [point["overkill"]["photos"] for point in curve] == [0, 1]


def test_an_empty_mask_has_no_pixel_score_but_its_label_counts() -> None:
    empty = part("fray", 1, True, defect_px=0, pixels=PixelCounts(predicted=50, own_predicted=50))
    whole = part("fray", 2, True, pixels=PixelCounts(4, 4, 4, 4, 4))
    found = summary([empty, whole, part("free", 3, False)], CLASSES)
    assert found["without_pixel_score"] == {"fray": 1}
    assert found["part"]["recall"]["fray"]["of_photos"] == 2
    assert found["pixel"]["per_class"]["fray"]["dice"] == found["pixel"]["micro"]["defect"]["dice"] == 1.0


def test_pixels_of_another_class_are_a_defect_found_but_not_its_own() -> None:
    predicted, truth = np.array([[2, 1, 0, 2]], np.uint8), np.array([[1, 1, 1, 0]], np.uint8)
    counts = pixel_counts(predicted, truth, own=1)
    assert counts == PixelCounts(truth=3, predicted=3, overlap=2, own_predicted=1, own_overlap=1)
    found = summary([part("crack", 1, True, pixels=counts), part("free", 2, True, pixels=PixelCounts(0, 2))], CLASSES)
    micro = {name: scores["dice"] for name, scores in found["pixel"]["micro"].items() if "dice" in scores}
    assert micro == {"defect": 0.5, "defect_photos": pytest.approx(4 / 6, abs=1e-4), "class": 0.25}
    assert found["pixel"]["per_class"]["crack"]["dice"] == 0.5
    assert found["pixel"]["micro"]["defect"]["iou"] == pytest.approx(2 / 6, abs=1e-4)


def test_per_class_dice_is_the_mean_over_its_photos_whatever_their_size() -> None:
    parts = [
        part("crack", 1, pixels=PixelCounts(1000, 1000, 1000, 1000, 1000)),
        part("crack", 2, pixels=PixelCounts(truth=10)),
    ]
    assert summary(parts, CLASSES)["pixel"]["per_class"]["crack"]["dice"] == 0.5


def test_photos_of_one_tile_are_no_independent_trials() -> None:
    found, ones = np.repeat([1.0, 1.0, 1.0, 0.0] * 2, 5), np.ones(40)
    apart, together = (ratio_interval(found, ones, groups) for groups in (np.arange(40), np.repeat(np.arange(8), 5)))
    assert together[1] - together[0] > apart[1] - apart[0]
    assert apart == (pytest.approx(0.61, abs=0.03), pytest.approx(0.88, abs=0.03))  # normal: 0.75 ± 0.134


def test_agreement_of_all_photos_is_no_certainty() -> None:
    assert ratio_interval(np.ones(12), np.ones(12), np.repeat([1, 2], 6)) == (pytest.approx(0.025**0.5), 1.0)
    assert ratio_interval(np.zeros(12), np.ones(12), np.arange(12))[1] == pytest.approx(0.265, abs=1e-3)  # tables


@settings(max_examples=30, deadline=None)
@given(*(st.lists(st.integers(0, 5), min_size=1, max_size=12) for _ in range(2)))
def test_auroc_is_the_share_of_pairs_in_order(good: list[int], defective: list[int]) -> None:
    pairs = [(d > g) + (d == g) / 2 for g in good for d in defective]
    sides = np.array(good, float), np.array(defective, float)
    assert auroc(*sides) == pytest.approx(sum(pairs) / len(pairs))
    low, high = auroc_interval(sides[0], np.arange(len(good)), sides[1], np.arange(len(defective)) % 3)
    assert 0 <= low <= high <= 1


def test_a_part_is_as_suspicious_as_its_most_suspicious_class() -> None:
    parts = [part("fray", 1, score=0.9), part("free", 2, score=0.5), part("free", 3, score=0.95)]
    assert summary(parts, CLASSES)["part"]["auroc"]["fray"]["value"] == 0.5


def test_folds_are_pooled_by_their_tables_alone(tmp_path: Path) -> None:
    folds = [[part("crack", 1, True, 0.25), part("free", 2, False)], [part("crack", 3, False), part("free", 4)]]
    for number, parts in enumerate(folds):
        write_parts(parts, tmp_path / f"{number}.csv")
    pooled = [one for number in range(2) for one in read_parts(tmp_path / f"{number}.csv")]
    assert pooled == [one for parts in folds for one in parts]
    json.dumps(summary(pooled, CLASSES), allow_nan=False)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.builds(part, st.sampled_from(["crack", "fray", "free"]), st.integers(0, 3)), min_size=1, max_size=5))
def test_any_parts_have_a_summary_and_a_headline_of_numbers(parts: list) -> None:
    found = summary(parts, CLASSES)
    json.dumps(found, allow_nan=False)
    assert all(isinstance(value, int | float) for value in headline(found).values())


def test_the_headline_names_what_runs_are_compared_by() -> None:
    parts = [part("crack", 1, True, 0.9, pixels=PixelCounts(1, 1, 1, 1, 1)), part("free", 2, False)]
    assert headline(summary(parts, CLASSES)) == {
        "recall_crack": 1.0, "recall_all": 1.0, "overkill": 0.0, "n_crack": 1, "n_all": 1, "auroc_crack": 1.0,
        "auroc_all": 1.0, "dice_crack": 1.0, "dice_micro_defect": 1.0, "dice_micro_defect_photos": 1.0,
        "dice_micro_class": 1.0, "recall_crack_at_5": 1.0, "recall_all_at_5": 1.0, "overkill_at_5": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["image,label\na,crack\n", "image,group,label\na,no number,crack\n"])
def test_another_table_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "parts.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"parts\.csv: not a table of judged parts .*: evaluate"):
        read_parts(tmp_path / "parts.csv")


def test_a_missing_table_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run 'python -m trainer\.evaluate'"):
        read_parts(tmp_path / "parts.csv")


def test_a_row_keeps_every_figure(tmp_path: Path) -> None:
    row = replace(part("fray", 7, True, 251 / 255), pixels=PixelCounts(1, 2, 3, 4, 5), defect_px=11)
    write_parts([row], tmp_path / "parts.csv")
    (again,) = read_parts(tmp_path / "parts.csv")
    assert again == replace(row, suspicion={"crack": pytest.approx(251 / 255, abs=1e-4), "fray": 0.0})
