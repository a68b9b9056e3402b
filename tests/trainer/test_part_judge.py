"""From a photo and the network's answer to its row, and to the pictures of it."""

from __future__ import annotations

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from agent.inspection import Verdict
from agent.judge import Segmentation
from agent.model_contract import InputSpec
from agent.preprocess import fit
from agent.procedural import DEFECT_CLASSES
from agent.recipe import load_recipe
from tests.trainer.hand_made_parts import CLASSES, part
from trainer.curve_chart import curve_chart, write_curve
from trainer.dataset import Sample
from trainer.part_judge import PartJudge
from trainer.pictures import typical_cases, worst_cases
from trainer.pixel_counts import PixelCounts
from trainer.pixel_level import best_level
from trainer.seed_protocol import centre_counts
from trainer.seen import Seen
from trainer.summary import summary

RECIPE = load_recipe(Path(__file__).parents[2] / "config/recipes/magnetic_tile.toml")
SPEC = InputSpec(height_px=64, width_px=64, channels=1)
LEVEL = 128
CRACK, FRAY = (DEFECT_CLASSES.index(name) + 1 for name in ("crack", "fray"))


def seen(label: str = "crack", height_px: int = 60, width_px: int = 40, answered: bool = True) -> Seen:
    """A crack of 30 × 4 px, found 24 px long, and a fray of 12 × 12 px beside it that is not there."""
    mask = np.zeros((height_px, width_px), np.uint8)
    if label == "crack":
        mask[10:40, 10:14] = CRACK
    box = fit(height_px, width_px, SPEC)
    classes, scores = np.ones((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    inside_classes, inside_scores = classes[box.inside], scores[box.inside]
    inside_classes[10:34, 10:14], inside_scores[10:34, 10:14] = CRACK, 250
    inside_classes[30:42, 20:32], inside_scores[30:42, 20:32] = FRAY, 200
    photo = np.full((height_px, width_px), 90, np.uint8)
    return Seen(
        Sample("data/raw/a.jpg", label, photo, mask), 5, Segmentation(classes, scores, box) if answered else None
    )


def judge(limit: float = 0.5) -> PartJudge:
    at = {0.0: dict.fromkeys(DEFECT_CLASSES, 0.99), 0.1: dict.fromkeys(DEFECT_CLASSES, 0.9)}
    return PartJudge(RECIPE, 0.1, SPEC, dict.fromkeys(DEFECT_CLASSES, limit), at, LEVEL)


def test_a_row_tells_what_the_line_would_do() -> None:
    row = judge().part(seen())
    assert (row.group, row.label, row.defect_px, row.verdict, row.called) == (5, "crack", 120, Verdict.REJECT, "fray")
    assert row.pixels == PixelCounts(truth=120, predicted=96 + 144, overlap=96, own_predicted=96, own_overlap=96)
    assert {name: round(255 * level) for name, level in row.suspicion.items() if level} == {"crack": 250, "fray": 200}
    assert row.rejected_at == {0.0: False, 0.1: True}


def test_a_part_is_called_by_the_largest_region_that_counts() -> None:
    tile = seen()
    assert tile.segmentation
    uneven = DEFECT_CLASSES.index("uneven") + 1  # 16 × 19 px are 3 mm², its rule asks for 5
    tile.segmentation.class_map[44:60, 14:33], tile.segmentation.score_map[44:60, 14:33] = uneven, 255
    assert judge().part(tile).called == "fray"


def test_a_row_of_a_good_photo_has_no_class_of_its_own() -> None:
    row = judge(0.99).part(seen("free"))
    assert (row.verdict, row.called, row.defect_px) == (Verdict.PASS, "free", 0)
    assert row.pixels == PixelCounts(truth=0, predicted=240)


def test_without_an_answer_there_is_no_decision_and_nothing_is_found() -> None:
    row = judge().part(seen(answered=False))
    assert (row.verdict, row.called) == (Verdict.NO_DECISION, "no_decision")
    assert (row.pixels, row.rejected_at) == (PixelCounts(truth=120), {0.0: False, 0.1: False})
    assert not any(row.suspicion.values())


def test_pixels_count_from_the_score_on_that_fits_the_masks_best() -> None:
    """Above the fray that is not there, as low as the crack allows; what has no mask or no answer is not asked."""
    unmasked = seen()
    unmasked.sample.mask[:] = 0
    assert best_level([seen(), seen("free"), *[unmasked] * 9, seen(answered=False)], SPEC) == 201
    assert best_level([seen("free"), unmasked], SPEC) == 128, "nothing to choose by"


def test_the_seed_project_scores_the_middle_at_its_size() -> None:
    """Of a photo of 60 × 40 px the middle 40 × 40 px, enlarged to 224 × 224: 5.6 times, rows 10 to 50."""
    tile = seen()
    counts = centre_counts(tile.sample.mask, tile.segmentation, LEVEL)
    assert counts.truth == pytest.approx(30 * 4 * 5.6**2, rel=0.05)
    assert counts.predicted == pytest.approx((24 * 4 + 12 * 12) * 5.6**2, rel=0.05)
    assert counts.overlap == pytest.approx(24 * 4 * 5.6**2, rel=0.05)
    assert centre_counts(tile.sample.mask, None, LEVEL) == PixelCounts(truth=counts.truth)
    assert (
        centre_counts(seen(height_px=200).sample.mask, None, LEVEL) == PixelCounts()
    )  # its crack lies outside the middle


def test_the_worst_case_comes_first_and_each_class_has_its_row() -> None:
    tiles = [seen("free"), seen(), seen(answered=False)]
    parts = [part("free", 1, False), part("crack", 2, True), part("crack", 3, False, image="escape")]
    worst = worst_cases(tiles, parts, SPEC, LEVEL)
    escaped = worst[:64, :64]
    assert (escaped == (60, 220, 60)).all(axis=2).any()  # truth in green
    assert not (escaped == (60, 60, 255)).all(axis=2).any()  # nothing predicted
    assert typical_cases(tiles, parts, SPEC, LEVEL).shape[0] == 2 * worst.shape[0]


def test_the_curve_is_a_table_and_a_picture_with_a_panel_a_class(tmp_path: Path) -> None:
    parts = [part("crack", 1, True), part("fray", 2, False), part("free", 3, False)]
    curve = summary(parts, CLASSES)["curve"]
    write_curve(curve, tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open() as source:
        rows = list(csv.DictReader(source))
    assert rows[1] == {"allowed": "0.05", "overkill": "0.0", "crack": "1.0", "fray": "0.0", "all": "0.5"}
    picture = ElementTree.fromstring(curve_chart(curve))
    named = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text") if text.get("class") == "name"]
    assert named[1:] == ["crack: 1 photos, 1 groups", "fray: 1 photos, 1 groups", "all: 2 photos, 2 groups"]


def test_without_good_photos_there_is_no_curve(tmp_path: Path) -> None:
    curve = summary([part("crack", 1, True)], CLASSES)["curve"]
    write_curve(curve, tmp_path / "curve.csv")
    assert (tmp_path / "curve.csv").read_text() == "allowed,overkill\n"
    ElementTree.fromstring(curve_chart(curve))
