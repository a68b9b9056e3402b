"""A photo as the network saw it → its row of reports/parts.csv."""

from __future__ import annotations

import numpy as np

from agent.inspection import Judgement, Verdict
from agent.judge import Judge, Segmentation
from agent.model_contract import InputSpec
from agent.preprocess import letterbox_mask
from agent.recipe import Recipe
from trainer.judging import judge_with
from trainer.parts_table import Part
from trainer.pixel_counts import pixel_counts, predicted_mask
from trainer.seed_protocol import centre_counts
from trainer.seen import Seen
from trainer.suspicion import SCORES, Suspicion
from trainer.tiles import GOOD

Thresholds = dict[str, float]


class PartJudge:
    """Judges by the recipe, at the thresholds of the model and at those chosen for each allowed overkill.

    `pixel_level`: the score, of 255, from which a pixel is predicted defect.
    """

    def __init__(
        self,
        recipe: Recipe,
        mm_per_px: float,
        spec: InputSpec,
        shipped: Thresholds,
        chosen: dict[float, Thresholds],
        pixel_level: int,
    ) -> None:
        self._spec, self._classes, self._pixel_level = spec, tuple(shipped), pixel_level
        self._judge = judge_with(recipe, shipped, mm_per_px)
        self._at = {allowed: judge_with(recipe, limits, mm_per_px) for allowed, limits in chosen.items()}
        self._suspicion = Suspicion(recipe, self._classes, mm_per_px)

    def part(self, seen: Seen) -> Part:
        """Without an answer of the network nothing is rejected at any threshold, and no pixel is predicted."""
        answer, truth = seen.segmentation, letterbox_mask(seen.sample.mask, self._spec)
        judgement = None if answer is None else self._judge.judge(answer)
        predicted = np.zeros_like(truth) if answer is None else predicted_mask(answer, self._pixel_level)
        label = seen.sample.label
        return Part(
            image=seen.sample.name,
            group=seen.group,
            label=label,
            defect_px=int(np.count_nonzero(seen.sample.mask)),
            verdict=Verdict.NO_DECISION if judgement is None else judgement.verdict,
            called=Verdict.NO_DECISION.value if judgement is None else _called(judgement),
            pixels=pixel_counts(predicted, truth, 0 if label == GOOD else self._classes.index(label) + 1),
            centre=centre_counts(seen.sample.mask, answer, self._pixel_level),
            suspicion={name: level / SCORES for name, level in self._suspicion.levels(answer).items()},
            rejected_at={at: answer is not None and _rejects(judge, answer) for at, judge in self._at.items()},
        )


def _rejects(judge: Judge, answer: Segmentation) -> bool:
    return judge.judge(answer).verdict is Verdict.REJECT


def _called(judgement: Judgement) -> str:
    """Defects come the largest first."""
    if judgement.verdict is Verdict.PASS:
        return GOOD
    return next(defect.name for defect in judgement.defects if defect.counts)
