"""How far two segmenters differ on the same images: pixels, scores and, what counts, verdicts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.inspection import Image
from agent.judge import Judge, Segmentation
from trainer.dataset import Sample


class Segments(Protocol):
    def segment(self, image: Image) -> Segmentation: ...


@dataclass(frozen=True)
class Difference:
    """Of one image: share of differing pixels, largest score difference (of 255), and whether the verdict flips."""

    name: str
    disagreement: float
    score: int
    flipped: bool


def compare(
    samples: Iterable[Sample], trained: Segments, exported: Segments, judge: Judge, score_step: int
) -> list[Difference]:
    """`score_step`: of 255; a score may differ by so much before its pixel counts as differing."""
    found = []
    for sample in samples:
        one, other = trained.segment(sample.image), exported.segment(sample.image)
        flipped = judge.judge(one).verdict is not judge.judge(other).verdict
        found.append(Difference(sample.name, *_apart(one, other, score_step), flipped))
    return found


def _apart(one: Segmentation, other: Segmentation, score_step: int) -> tuple[float, int]:
    """Share of differing pixels, largest score difference."""
    difference = np.abs(one.score_map.astype(np.int16) - other.score_map.astype(np.int16))
    # which class a pixel of no score belongs to is chance, and nobody asks
    other_class = (one.class_map != other.class_map) & (other.score_map > score_step)
    return float(np.mean((difference > score_step) | other_class)), int(difference.max())
