"""What the network is shown: reproducible, true to its masks, all classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from agent.errors import ConfigError
from agent.procedural import DEFECT_CLASSES, render_tile
from trainer.dataset import Sample, TrainingTiles, procedural_samples
from trainer.losses import dice_loss, part_loss, pixel_weights, segmentation_loss
from trainer.params import load_params
from trainer.pasting import DEPTH, SIZE, paste_defect
from trainer.training_data import training_batches

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return procedural_samples(1, 12, DEFECT_CLASSES)


def test_sample_i_is_the_same_in_every_run(samples: list[Sample]) -> None:
    one, other = (TrainingTiles(samples, PARAMS) for _ in range(2))
    assert one[0][0].shape == (PARAMS.input.height_px, PARAMS.input.width_px, 1)
    for index in (5, 0, 3):
        for first, second in zip(one[index], other[index], strict=True):
            assert torch.equal(first, second)


def test_each_step_has_samples_of_its_own() -> None:
    assert training_batches(steps=3, size=2) == [[0, 1], [2, 3], [4, 5]]


def test_a_class_without_photos_is_one_line(samples: list[Sample]) -> None:
    with pytest.raises(ConfigError, match="no training photo shows crack"):
        TrainingTiles([sample for sample in samples if sample.label != "crack"], PARAMS)


def test_a_pasted_defect_is_another_of_its_kind_and_its_mask_is_with_it() -> None:
    source = np.full((100, 100), 200, np.uint8)
    mask = np.zeros((100, 100), np.uint8)
    source[40:50, 40:46], mask[40:50, 40:46] = 100, 3
    seen = set()
    for seed in range(20):
        pasted = paste_defect(np.random.default_rng(seed), source, mask, np.full((80, 90), 60, np.uint8))
        assert pasted is not None
        image, truth = pasted
        assert 60 / (1.4 * SIZE**2) < np.count_nonzero(truth == 3) < 60 * 1.4 * SIZE**2
        assert 60 * 0.5**DEPTH - 1 <= float(np.median(image[truth == 3])) <= 60 * 0.5 ** (1 / DEPTH) + 1
        assert abs(float(np.median(image[truth == 0])) - 60) <= 1
        seen.add((np.count_nonzero(truth), int(np.median(image[truth == 3]))))
    assert len(seen) > 10


def test_a_defect_at_a_border_lands_on_that_border() -> None:
    source, mask = np.full((100, 100), 200, np.uint8), np.zeros((100, 100), np.uint8)
    source[90:, 40:46], mask[90:, 40:46] = 100, 2
    for seed in range(10):
        pasted = paste_defect(np.random.default_rng(seed), source, mask, np.full((80, 90), 60, np.uint8))
        assert pasted is not None
        assert pasted[1][-1].any()
        assert not pasted[1][:40].any()


def test_a_defect_larger_than_the_tile_is_not_pasted() -> None:
    source, mask = render_tile(np.random.default_rng(0), "uneven", 200, 200)
    assert paste_defect(np.random.default_rng(0), source, mask, np.full((50, 50), 60, np.uint8)) is None


def test_a_rare_pixel_weighs_more_and_the_right_answer_least() -> None:
    truth = torch.zeros(1, 32, 32, dtype=torch.long)
    truth[0, 4:6, 4:6] = 1
    weights = pixel_weights(truth, 30)
    assert weights[0, 4, 4] == pytest.approx(((32 * 32 - 4) / 4) ** 0.5)
    assert weights[0, 0, 0] == 1
    right = 20 * torch.nn.functional.one_hot(truth, 3).permute(0, 3, 1, 2).float()
    assert segmentation_loss(right, truth, 30) < 0.01 < segmentation_loss(torch.zeros(1, 3, 32, 32), truth, 30)
    assert dice_loss(right.softmax(dim=1), torch.zeros_like(truth)) == 0


def test_a_few_dozen_hot_pixels_on_a_good_tile_or_a_cold_defect_cost_as_a_wrong_part_does() -> None:
    good, crack = torch.zeros(2, 32, 32, dtype=torch.long)
    crack[4:8, 4:8] = 1
    truth = torch.stack([good, crack])
    logits = torch.zeros(2, 3, 32, 32)
    logits[:, 0] = 8
    logits[1, 1, 4:8, 4:8] = 16
    right = part_loss(logits.log_softmax(dim=1), truth)
    speck, missed = logits.clone(), logits.clone()
    speck[0, 2, 20:28, 20:28] = 16
    missed[1, 1, 4:8, 4:8] = 0
    assert right < 0.01
    for wrong in (speck, missed):
        assert part_loss(wrong.log_softmax(dim=1), truth) > 5
    beside = logits.clone()
    beside[1, 1, 4:8, 8:12] = 16
    assert part_loss(beside.log_softmax(dim=1), truth) == right
