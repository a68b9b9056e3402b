"""The smallest network that goes all the way, with random weights."""

from __future__ import annotations

import torch

from agent.model_contract import InputSpec
from agent.procedural import DEFECT_CLASSES
from tests.conftest import ROOT
from trainer.model import SegmentationModel
from trainer.params import load_params

PARAMS = load_params(ROOT / "params.yaml")
SPEC = InputSpec(height_px=96, width_px=128, channels=1)
THRESHOLDS = dict.fromkeys(DEFECT_CLASSES, 0.3)
METRICS = {"thresholds": THRESHOLDS, "test": {"overkill": 0.5}, "procedural": {"overkill": 0.25}}


def small_model() -> SegmentationModel:
    """Random weights, and BatchNorms that have seen something."""
    torch.manual_seed(3)
    network = PARAMS.model.model_copy(
        update={
            "encoder": "tu-resnet18",
            "options": {"channels": [8, 16, 16, 16], "decoder_channels": [16, 16, 8, 8, 8]},
        }
    )
    made = SegmentationModel(list(DEFECT_CLASSES), SPEC.model_dump(), network.model_dump(), PARAMS.train.model_dump())
    for _ in range(3):
        made.network(torch.randint(0, 255, (4, 96, 128, 1), dtype=torch.uint8))
    return made.eval()
