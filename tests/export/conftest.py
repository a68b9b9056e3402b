"""A small model, photos for it, and its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.procedural import DEFECT_CLASSES
from export.to_onnx import contract, write_model
from tests.export.small_model import METRICS, PARAMS, SPEC, small_model
from trainer.dataset import Sample, procedural_samples
from trainer.inference import TorchSegmenter
from trainer.model import SegmentationModel


@pytest.fixture(scope="session")
def model() -> SegmentationModel:
    return small_model()


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    return procedural_samples(5, 12, DEFECT_CLASSES)


@pytest.fixture(scope="session")
def exported(model: SegmentationModel, samples: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    trained = TorchSegmenter(model.network, SPEC)
    answered = [(sample, trained.segment(sample.image)) for sample in samples]
    write_model(model, contract(model, METRICS, answered, PARAMS.export, "0" * 32), path)
    return path
