"""Stage evaluate: thresholds from the validation groups, then pixel and part scores on the test groups."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.errors import exit_on_error
from agent.inspection import Judgement, Verdict
from agent.judge import Segmentation
from agent.preprocess import letterbox, letterbox_mask
from agent.recipe import load_recipe
from trainer.dataset import Sample, load_samples, procedural_samples
from trainer.inference import TorchSegmenter
from trainer.judging import judge_with
from trainer.model import load_model
from trainer.overlay import Case, sheet
from trainer.params import Params, load_params
from trainer.part_scores import part_scores
from trainer.pixel_scores import PixelScores, dice, predicted_mask
from trainer.run import asked_run
from trainer.split_table import read_split
from trainer.thresholds import Segmented, choose_thresholds
from trainer.tiles import GOOD

METRICS, PARTS, WORST = "metrics.json", "parts.csv", "worst_cases.png"
WORST_CASES = 30


@dataclass(frozen=True)
class Judged:
    """One test tile: truth and prediction in model pixels, and what the line would do with it."""

    sample: Sample
    segmentation: Segmentation
    judgement: Judgement
    truth: np.ndarray

    @property
    def dice(self) -> float | None:
        """None where no pixel score is possible: a good tile, or an empty mask."""
        return dice(predicted_mask(self.segmentation) > 0, self.truth > 0) if self.truth.any() else None

    @property
    def wrong(self) -> bool:
        return (self.judgement.verdict is Verdict.REJECT) == (self.sample.label == GOOD)


def side_samples(params: Params, split: str, side: str) -> list[Sample]:
    """All photos of one side, those with empty masks too: at part level their label counts."""
    return load_samples(read_split(split, side), params.classes)


def judged(
    samples: list[Sample], segmenter: TorchSegmenter, thresholds: dict[str, float], params: Params
) -> list[Judged]:
    judge = judge_with(load_recipe(params.evaluate.recipe), thresholds, params.evaluate.mm_per_px)
    found = []
    for sample in samples:
        segmentation = segmenter.segment(sample.image)
        truth = letterbox_mask(sample.mask, params.input)
        found.append(Judged(sample, segmentation, judge.judge(segmentation), truth))
    return found


def validated_thresholds(params: Params, split: str, segmenter: TorchSegmenter) -> dict[str, float]:
    samples = side_samples(params, split, "validation")
    samples += procedural_samples(params.evaluate.seed + 1, params.evaluate.procedural_tiles // 3, params.classes)
    tiles = [Segmented(sample.label, segmenter.segment(sample.image)) for sample in samples]
    recipe = load_recipe(params.evaluate.recipe)
    return choose_thresholds(tiles, params.classes, recipe, params.evaluate.mm_per_px, params.evaluate.overkill)


def scores(tiles: list[Judged], classes: tuple[str, ...]) -> dict[str, float]:
    pixels = PixelScores(classes)
    for tile in tiles:
        if tile.sample.label == GOOD or tile.truth.any():
            pixels.add(predicted_mask(tile.segmentation), tile.truth)
    labels = [tile.sample.label for tile in tiles]
    return {**part_scores(labels, [tile.judgement.verdict for tile in tiles], classes), **pixels.result()}


def write_parts(tiles: list[Judged], classes: tuple[str, ...], path: Path) -> None:
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(["image", "label", "verdict", "dice", *(f"peak_{name}" for name in classes)])
        for tile in tiles:
            score = "" if tile.dice is None else f"{tile.dice:.4f}"
            peaks = [tile.judgement.peak_scores[name] for name in classes]
            writer.writerow([tile.sample.name, tile.sample.label, tile.judgement.verdict.value, score, *peaks])


def write_worst(tiles: list[Judged], params: Params, path: Path) -> None:
    """Wrong verdicts first, escapes before overkill, then the lowest Dice."""

    def badness(tile: Judged) -> tuple[bool, bool, float]:
        return not tile.wrong, tile.sample.label == GOOD, 1.0 if tile.dice is None else tile.dice

    cases = [
        Case(
            letterbox(tile.sample.image, params.input)[0],
            tile.truth,
            predicted_mask(tile.segmentation),
            f"{tile.sample.label}: {tile.judgement.verdict.value} {Path(tile.sample.name).stem}",
        )
        for tile in sorted(tiles, key=badness)[:WORST_CASES]
    ]
    cv2.imwrite(str(path), sheet(cases))


def main() -> None:
    run, params = asked_run("Evaluate the network of one split."), load_params()
    model = load_model(run.checkpoint)
    segmenter = TorchSegmenter(model.network, model.spec)
    thresholds = validated_thresholds(params, run.split, segmenter)
    tiles = judged(side_samples(params, run.split, "test"), segmenter, thresholds, params)
    rendered = procedural_samples(params.evaluate.seed, params.evaluate.procedural_tiles, params.classes)
    metrics = {
        "thresholds": thresholds,
        "test": scores(tiles, params.classes),
        "procedural": scores(judged(rendered, segmenter, thresholds, params), params.classes),
    }
    run.reports.mkdir(parents=True, exist_ok=True)
    (run.reports / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")
    write_parts(tiles, params.classes, run.reports / PARTS)
    write_worst(tiles, params, run.reports / WORST)
    print(json.dumps(metrics, indent=2))


if __name__ == "__main__":
    with exit_on_error():
        main()
