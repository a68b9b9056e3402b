"""Stage evaluate: threshold from the validation groups, then pixel and part scores on the test groups."""

from __future__ import annotations

import json

import numpy as np

from agent.errors import exit_on_error
from agent.recipe import load_recipe
from trainer.dataset import load_samples, procedural_samples
from trainer.inference import TorchSegmenter
from trainer.model import load_model
from trainer.params import Params, load_params
from trainer.part_judge import PartJudge, Thresholds
from trainer.parts_table import Part
from trainer.pictures import typical_cases, worst_cases
from trainer.pixel_level import best_level
from trainer.result_files import WORST, write_picture, write_result
from trainer.run import asked_run
from trainer.seen import Seen, look
from trainer.split_table import read_split
from trainer.summary import headline, summary
from trainer.suspicion import Suspicion
from trainer.thresholds import Operation, Suspects

TYPICAL = "typical_cases.png"
ALLOWED = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3)
"""Overkill of the curve's points, as allowed on validation tiles."""


class Evaluation:
    """One network on one split."""

    def __init__(self, params: Params, split: str, segmenter: TorchSegmenter) -> None:
        self._params, self._split, self._segmenter = params, split, segmenter
        self._recipe = load_recipe(params.evaluate.recipe)
        validation = self.seen("validation")
        operation = Operation(self._suspects(validation))

        def thresholds(overkill: float) -> Thresholds:
            return dict.fromkeys(params.classes, operation.threshold(overkill))

        self.thresholds = thresholds(params.evaluate.overkill)
        self.pixel_level = best_level(validation, params.input)
        self._chosen = {allowed: thresholds(allowed) for allowed in ALLOWED}

    def seen(self, side: str) -> list[Seen]:
        """All photos of one side, those with empty masks too: at part level their label counts."""
        rows = read_split(self._split, side)
        return look(load_samples(rows, self._params.classes), [row.group for row in rows], self._segmenter)

    def rendered(self, seed: int, count: int) -> list[Seen]:
        """Procedural tiles; each is a physical tile of its own, which none of the photos shows. None for a product
        that they do not show: `count` is 0."""
        if count == 0:
            return []
        samples = procedural_samples(seed, count, self._params.classes)
        return look(samples, [-1 - i for i in range(len(samples))], self._segmenter)

    def parts(self, tiles: list[Seen]) -> list[Part]:
        evaluate, spec = self._params.evaluate, self._params.input
        judge = PartJudge(self._recipe, evaluate.mm_per_px, spec, self.thresholds, self._chosen, self.pixel_level)
        return [judge.part(tile) for tile in tiles]

    def _suspects(self, tiles: list[Seen]) -> Suspects:
        suspicion = Suspicion(self._recipe, self._params.classes, self._params.evaluate.mm_per_px)
        levels = [max(suspicion.levels(tile.segmentation).values()) for tile in tiles]
        return Suspects(np.array([tile.sample.label for tile in tiles]), np.array(levels))


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
    limits = {"thresholds": evaluation.thresholds, "pixel_level": evaluation.pixel_level}
    metrics = limits | {name: headline(scores) for name, scores in found.items()}
    write_result(run.reports, metrics, limits | found, parts, found["test"]["curve"])
    for name, sheet in ((WORST, worst_cases), (TYPICAL, typical_cases)):
        write_picture(sheet(tiles, parts, params.input, evaluation.pixel_level), run.reports / name)
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    with exit_on_error():
        main()
