"""Stage evaluate: thresholds from the validation groups, then pixel and part scores on the test groups."""

from __future__ import annotations

import json

import cv2
import numpy as np

from agent.errors import exit_on_error
from agent.recipe import load_recipe
from trainer.dataset import load_samples, procedural_samples
from trainer.inference import TorchSegmenter
from trainer.model import load_model
from trainer.operating_limits import Suspects
from trainer.params import Params, load_params
from trainer.part_judge import PartJudge, Thresholds
from trainer.parts_table import Part
from trainer.pictures import typical_cases, worst_cases
from trainer.result_files import WORST, write_result
from trainer.run import asked_run
from trainer.seen import Seen, look
from trainer.split_table import read_split
from trainer.summary import headline, summary
from trainer.suspicion import Suspicion
from trainer.thresholds import Operation
from trainer.tiles import GOOD

TYPICAL = "typical_cases.png"
ALLOWED = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
"""Overkill of the curve's points, as allowed on validation tiles."""


class Evaluation:
    """One network on one split."""

    def __init__(self, params: Params, split: str, segmenter: TorchSegmenter) -> None:
        self._params, self._split, self._segmenter = params, split, segmenter
        self._recipe = load_recipe(params.evaluate.recipe)
        operation = Operation(self._suspects(), params.classes)
        self.thresholds: Thresholds = operation.thresholds(params.evaluate.overkill)
        self._chosen = {allowed: operation.thresholds(allowed) for allowed in ALLOWED}

    def seen(self, side: str) -> list[Seen]:
        """All photos of one side, those with empty masks too: at part level their label counts."""
        rows = read_split(self._split, side)
        return look(load_samples(rows, self._params.classes), [row.group for row in rows], self._segmenter)

    def rendered(self, seed: int, count: int) -> list[Seen]:
        """Procedural tiles; each is a physical tile of its own, which none of the photos shows."""
        samples = procedural_samples(seed, count, self._params.classes)
        return look(samples, [-1 - i for i in range(len(samples))], self._segmenter)

    def parts(self, tiles: list[Seen]) -> list[Part]:
        evaluate, spec = self._params.evaluate, self._params.input
        judge = PartJudge(self._recipe, evaluate.mm_per_px, spec, self.thresholds, self._chosen)
        return [judge.part(tile) for tile in tiles]

    def _suspects(self) -> Suspects:
        """Validation tiles; each kind of procedural ones is a kind of its own, so that it hides no real one."""
        evaluate = self._params.evaluate
        suspicion = Suspicion(self._recipe, self._params.classes, evaluate.mm_per_px)
        real, rendered = self.seen("validation"), self.rendered(evaluate.seed + 1, evaluate.procedural_tiles // 3)
        labels = [tile.sample.label for tile in real]
        labels += [GOOD if tile.sample.label == GOOD else f"procedural {tile.sample.label}" for tile in rendered]
        levels = [list(suspicion.levels(tile.segmentation).values()) for tile in (*real, *rendered)]
        return Suspects(np.array(labels), np.array([tile.group for tile in (*real, *rendered)]), np.array(levels))


def main() -> None:
    run, params = asked_run("Evaluate the network of one split."), load_params()
    model = load_model(run.checkpoint)
    evaluation = Evaluation(params, run.split, TorchSegmenter(model.network, model.spec))
    tiles = evaluation.seen("test")
    parts = evaluation.parts(tiles)
    rendered = evaluation.parts(evaluation.rendered(params.evaluate.seed, params.evaluate.procedural_tiles))
    found = {"test": summary(parts, params.classes)}
    if rendered:
        found["procedural"] = summary(rendered, params.classes)
    metrics = {"thresholds": evaluation.thresholds, **{name: headline(scores) for name, scores in found.items()}}
    write_result(run.reports, metrics, found, parts, found["test"]["curve"])
    for name, sheet in ((WORST, worst_cases), (TYPICAL, typical_cases)):
        cv2.imwrite(str(run.reports / name), sheet(tiles, parts, params.input))
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    with exit_on_error():
        main()
