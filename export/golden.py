"""The self-test's samples: tiles near the thresholds, where a device that computes differently shows first."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from agent.inspection import Image
from agent.judge import Segmentation
from agent.model_contract import GoldenSample
from export.comparison import Segments
from trainer.dataset import Sample, load_samples, procedural_samples
from trainer.params import Params
from trainer.run import SHIPPED_RUN
from trainer.split_table import read_split
from trainer.tiles import GOOD

Answered = tuple[Sample, Segmentation]
PROCEDURAL_CANDIDATES = 60
"""Procedural tiles among which golden samples are looked for, beside all test photos."""


def candidates(params: Params, segmenter: Segments) -> list[Answered]:
    """What golden samples are chosen from."""
    samples = load_samples(read_split(SHIPPED_RUN.split, "test"), params.classes)
    if params.evaluate.procedural_tiles:
        samples += procedural_samples(params.evaluate.seed, PROCEDURAL_CANDIDATES, params.classes)
    return [(sample, segmenter.segment(sample.image)) for sample in samples]


def choose(answered: Sequence[Answered], thresholds: dict[str, float], count: int) -> list[Answered]:
    """A clear pass, a clear reject, and the tiles whose scores lie nearest to a threshold."""

    def lead(one: Answered) -> float:
        return max(peaks(one[1], thresholds)[name] - limit for name, limit in thresholds.items())

    clear_pass = min((one for one in answered if one[0].label == GOOD), key=lead)
    clear_reject = max((one for one in answered if one[0].label != GOOD), key=lead)
    clear = [clear_pass, clear_reject]
    rest = [one for one in answered if one is not clear_pass and one is not clear_reject]
    return clear + sorted(rest, key=lambda one: abs(lead(one)))[: count - len(clear)]


def peaks(segmentation: Segmentation, thresholds: dict[str, float]) -> dict[str, float]:
    """Highest score of each class."""
    score, index = segmentation.score_map, segmentation.class_map
    return {name: float(score.max(where=index == i, initial=0)) / 255 for i, name in enumerate(thresholds, start=1)}


def golden_sample(answered: Answered, thresholds: dict[str, float], tolerance_px: int) -> GoldenSample:
    """`thresholds` in the order of the classes."""
    sample, found = answered
    areas = {
        name: int(np.count_nonzero((found.class_map == i) & (found.score_map >= max(1, round(limit * 255)))))
        for i, (name, limit) in enumerate(thresholds.items(), start=1)
    }
    return GoldenSample(name=sample.name, png_base64=_png(sample.image), areas_px=areas, tolerance_px=tolerance_px)


def _png(image: Image) -> str:
    _, encoded = cv2.imencode(".png", image)
    return base64.b64encode(encoded.tobytes()).decode()
