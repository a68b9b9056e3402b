"""The exported graph answers as the trained network does, in the agent's own segmenter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from agent.errors import ConfigError, NoDecision
from agent.judge import Segmentation
from agent.preprocess import Letterbox
from agent.procedural import DEFECT_CLASSES
from agent.recipe import load_recipe
from agent.segmenter import Segmenter
from export.comparison import Difference, Measure, compare
from export.golden import choose, peaks
from export.graph import folded
from export.to_onnx import contract, write_model
from export.verify import refuse
from tests.conftest import ROOT
from tests.export.small_model import METRICS, PARAMS, SPEC, THRESHOLDS
from trainer.dataset import Sample
from trainer.inference import TorchSegmenter
from trainer.judging import judge_with
from trainer.model import SegmentationModel
from trainer.network import Network

FILE = Path("m.onnx")


def test_the_file_explains_itself(exported: Path) -> None:
    described = Segmenter(exported).contract
    assert described.classes == ("background", *DEFECT_CLASSES)
    assert described.input == SPEC
    assert described.thresholds == THRESHOLDS
    assert described.metrics == {"test.overkill": 0.5, "procedural.overkill": 0.25}
    assert described.data_md5 == "0" * 32
    assert len(described.golden) == PARAMS.export.golden_samples


def test_the_file_passes_its_own_golden_samples(exported: Path) -> None:
    Segmenter(exported).self_test()


def test_the_agent_sees_what_torch_sees(exported: Path, model: SegmentationModel, samples: list[Sample]) -> None:
    judge = judge_with(load_recipe(ROOT / "config/recipes/magnetic_tile.toml"), THRESHOLDS, 0.1)
    by = Measure(judge, DEFECT_CLASSES, SPEC, score_step=1, pixel_level=77)
    found = compare(samples, TorchSegmenter(model.network, SPEC), {"fp32": Segmenter(exported)}, by)["fp32"]
    assert [one for one in found if one.flipped or one.disagreement > 0.001 or one.score > 2] == []
    assert {one.name for one in found if one.dice_change is None} == {one.name for one in samples if not one.mask.any()}
    assert not any(one.escaped or one.dice_change for one in found)


@pytest.fixture(scope="module")
def shipped_preset() -> Network:
    """Its BatchNorms hold the activation, too, and some of its convolutions refuse bf16."""
    network = Network(PARAMS.model, SPEC, len(DEFECT_CLASSES) + 1)
    network(torch.randint(0, 255, (2, 96, 128, 1), dtype=torch.uint8))
    return network.eval()


def test_folding_batchnorm_changes_nothing(model: SegmentationModel, shipped_preset: Network) -> None:
    image = torch.randint(0, 255, (1, 96, 128, 1), dtype=torch.uint8)
    for network in (model.network, shipped_preset):
        plain = folded(network)
        with torch.inference_mode():
            assert torch.allclose(plain(image), network(image), atol=1e-4)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in plain.modules())
        assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())


def test_background_never_hides_a_defect(model: SegmentationModel, samples: list[Sample]) -> None:
    for sample in samples:
        segmentation = TorchSegmenter(model.network, SPEC).segment(sample.image)
        assert segmentation.class_map.min() >= 1
        assert segmentation.class_map.max() <= len(DEFECT_CLASSES)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_no_decision(
    model: SegmentationModel, samples: list[Sample], tmp_path: Path, value: float
) -> None:
    sound = TorchSegmenter(model.network, SPEC)
    answered = [(sample, sound.segment(sample.image)) for sample in samples]
    described = contract(model, METRICS, answered, PARAMS.export, "0" * 32)
    bias = model.network.segmenter.segmentation_head[0].bias
    kept = bias.detach().clone()
    try:
        bias.data[2] = value
        write_model(model, described, tmp_path / "broken.onnx")
        for segmenter in (TorchSegmenter(model.network, SPEC), Segmenter(tmp_path / "broken.onnx")):
            with pytest.raises(NoDecision):
                segmenter.segment(samples[0].image)
    finally:
        bias.data.copy_(kept)


def test_golden_samples_are_one_pass_one_reject_and_the_nearest(
    model: SegmentationModel, samples: list[Sample]
) -> None:
    trained = TorchSegmenter(model.network, SPEC)
    chosen = choose([(sample, trained.segment(sample.image)) for sample in samples], THRESHOLDS, 4)
    assert [sample.label == "free" for sample, _ in chosen[:2]] == [True, False]
    assert len({sample.name for sample, _ in chosen}) == 4


FINE = Difference("fine.jpg", "crack", 0.0, 0, False, False, 0.0)


def test_verify_names_the_images_it_refuses() -> None:
    full, int8 = PARAMS.verify.limits["fp32"], PARAMS.verify.limits["int8"]
    flipped = replace(FINE, name="flipped.jpg", flipped=True)
    refuse(FILE, [FINE], full)
    refuse(FILE, [FINE] * 99 + [flipped], int8)
    for limits, others, one, complaint in (
        (full, 99, flipped, "verdict differs from the trained model's on flipped.jpg"),
        (int8, 98, flipped, "verdict differs from the trained model's on flipped.jpg"),
        (int8, 999, replace(flipped, name="through.jpg", escaped=True), "passes defects .* rejects, through.jpg"),
        (full, 9, replace(FINE, name="apart.jpg", disagreement=0.5), "more than 0.10% of pixels differ on apart.jpg"),
        (int8, 9, replace(FINE, name="dim.jpg", dice_change=-0.06), "Dice falls by more than 0.005, most on dim.jpg"),
    ):
        with pytest.raises(ConfigError, match=rf"^m\.onnx: {complaint}.*: not shipped$"):
            refuse(FILE, [FINE] * others + [one], limits)


def test_an_empty_map_gives_no_peak() -> None:
    maps = np.ones((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    assert peaks(Segmentation(*maps, Letterbox(1.0, 0, 0, 4, 4)), THRESHOLDS) == dict.fromkeys(DEFECT_CLASSES, 0.0)
