"""Photos as the network saw them: what thresholds, scores and pictures start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import NoDecision
from agent.judge import Segmentation
from trainer.dataset import Sample
from trainer.inference import TorchSegmenter


@dataclass(frozen=True)
class Seen:
    """One photo, the physical tile (`group`) it shows, and the network's answer; None: no decision is possible."""

    sample: Sample
    group: int
    segmentation: Segmentation | None


def look(samples: Sequence[Sample], groups: Sequence[int], segmenter: TorchSegmenter) -> list[Seen]:
    return [Seen(one, group, _segmented(one, segmenter)) for one, group in zip(samples, groups, strict=True)]


def _segmented(sample: Sample, segmenter: TorchSegmenter) -> Segmentation | None:
    try:
        return segmenter.segment(sample.image)
    except NoDecision:
        return None
