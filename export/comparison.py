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


def compare(samples: Iterable[Sample], trained: Segments, exported: Segments, judge: Judge, score_step: int) -> list[Difference]:
    return [_difference(one, trained.segment(one.image), exported.segment(one.image), judge, score_step) for one in samples]


def _difference(sample: Sample, trained: Segmentation, exported: Segmentation, judge: Judge, score_step: int) -> Difference:
    apart = np.abs(trained.score_map.astype(np.int16) - exported.score_map.astype(np.int16))
    # which class a pixel of no score belongs to is chance, and nobody asks
    other_class = (trained.class_map != exported.class_map) & (exported.score_map > score_step)
    return Difference(
        sample.name,
        float(np.mean((apart > score_step) | other_class)),
        int(apart.max()),
        judge.judge(trained).verdict is not judge.judge(exported).verdict,
    )
