"""How far a segmenter is from the trained network on the same images: pixels, scores, Dice and, above all, verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.inspection import Image, Verdict
from agent.judge import Judge, Segmentation
from agent.model_contract import InputSpec, Precision
from agent.preprocess import letterbox_mask
from trainer.dataset import Sample
from trainer.pixel_counts import dice, pixel_counts, predicted_mask
from trainer.tiles import GOOD


class Segments(Protocol):
    def segment(self, image: Image) -> Segmentation: ...


@dataclass(frozen=True)
class Difference:
    """Of one image, what the segmenter makes of it against what the trained network does."""

    name: str
    label: str
    disagreement: float
    """Share of pixels with another class, or another score."""
    score: int
    """Largest difference of scores, of 255."""
    flipped: bool
    """Another verdict."""
    escaped: bool
    """A defect that the network rejects, and the segmenter does not."""
    dice_change: float | None
    """Of the label's own class; None without a defect to be outlined."""


@dataclass(frozen=True)
class Measure:
    """By what is compared. `score_step`: of 255; a score may differ by so much before its pixel counts as differing."""

    judge: Judge
    classes: tuple[str, ...]
    spec: InputSpec
    score_step: int
    pixel_level: int


def compare(
    samples: Iterable[Sample], trained: Segments, others: Mapping[Precision, Segments], by: Measure
) -> dict[Precision, list[Difference]]:
    """For each of the others, a difference an image."""
    found: dict[Precision, list[Difference]] = {name: [] for name in others}
    for sample in samples:
        one = trained.segment(sample.image)
        for name, other in others.items():
            found[name].append(_difference(sample, one, other.segment(sample.image), by))
    return found


def _difference(sample: Sample, one: Segmentation, other: Segmentation, by: Measure) -> Difference:
    verdicts = by.judge.judge(one).verdict, by.judge.judge(other).verdict
    return Difference(
        sample.name,
        sample.label,
        *_apart(one, other, by.score_step),
        flipped=verdicts[0] is not verdicts[1],
        escaped=sample.label != GOOD and verdicts[0] is Verdict.REJECT and verdicts[1] is not Verdict.REJECT,
        dice_change=_dice_change(sample, one, other, by),
    )


def _apart(one: Segmentation, other: Segmentation, score_step: int) -> tuple[float, int]:
    """Share of differing pixels, largest score difference."""
    difference = np.abs(one.score_map.astype(np.int16) - other.score_map.astype(np.int16))
    # which class a pixel of no score belongs to is chance, and nobody asks
    other_class = (one.class_map != other.class_map) & (other.score_map > score_step)
    return float(np.mean((difference > score_step) | other_class)), int(difference.max())


def _dice_change(sample: Sample, one: Segmentation, other: Segmentation, by: Measure) -> float | None:
    truth = letterbox_mask(sample.mask, by.spec)
    if sample.label == GOOD or not truth.any():
        return None
    own = by.classes.index(sample.label) + 1
    before, after = (pixel_counts(predicted_mask(it, by.pixel_level), truth, own) for it in (one, other))
    return dice(after.own_overlap, after.own_predicted, after.truth) - dice(
        before.own_overlap, before.own_predicted, before.truth
    )
