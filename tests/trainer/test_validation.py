"""The best checkpoint is the one that tells defect tiles from good ones at an overkill that a line bears."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from trainer.validation import PART_PX, ValidationScores, image_dice, low_overkill_recall

SIDE_PX = 16


def part(label: int, score: float, hot_px: int = 20) -> tuple[Tensor, Tensor]:
    """Logits of two classes whose `hot_px` first pixels are class 1 with `score`, and a truth of one row of `label`."""
    defect = torch.full((SIDE_PX * SIDE_PX,), 0.01)
    defect[:hot_px] = score
    truth = torch.zeros((SIDE_PX, SIDE_PX), dtype=torch.long)
    truth[0] = label
    probability = torch.stack([1 - defect, defect * 0.9, defect * 0.1]).reshape(1, 3, SIDE_PX, SIDE_PX)
    return probability.log(), truth[None]


def scored(*parts: tuple[Tensor, Tensor]) -> dict[str, float]:
    scores = ValidationScores(("crack", "fray"))
    for logits, truth in parts:
        scores.update(logits, truth)
    return {name: float(value) for name, value in scores.compute().items()}


def test_recall_is_the_mean_over_a_tenth_of_the_good_tiles() -> None:
    good = torch.linspace(0, 0.95, 20)  # thresholds at 0, 1 and 2 good tiles rejected: 0.95, 0.90, 0.85
    assert float(low_overkill_recall(torch.tensor([0.99, 0.92, 0.86, 0.1]), good)) == pytest.approx((1 + 2 + 3) / 12)
    assert float(low_overkill_recall(torch.tensor([0.95]), torch.tensor([0.95]))) == 0


def test_one_hot_pixel_is_no_defect() -> None:
    found = scored(part(1, 0.9), part(0, 0.99, hot_px=PART_PX - 1), part(0, 0.2))
    assert found["recall_crack"] == found["auroc_crack"] == 1
    assert scored(part(1, 0.9), part(0, 0.99, hot_px=PART_PX))["recall_crack"] == 0


def test_quality_is_of_the_classes_that_are_there_and_dice_decides_between_equals() -> None:
    found = scored(part(1, 0.9), part(0, 0.2))
    assert set(found) == {"recall_crack", "auroc_crack", "dice_crack", "quality"}
    assert found["dice_crack"] == pytest.approx(2 * 16 / 36)
    assert found["quality"] == pytest.approx(0.9 + 0.1 * found["dice_crack"])
    assert scored(part(0, 0.2)) == scored(part(1, 0.9)) == {"quality": 0.0}


def test_dice_is_of_each_image() -> None:
    truth = torch.tensor([[[True, True]], [[False, True]]])
    assert image_dice(torch.tensor([[[True, False]], [[True, False]]]), truth).tolist() == [pytest.approx(2 / 3), 0]
