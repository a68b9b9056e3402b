"""Sheets of photos to look at: what went worst, and what is typical of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from agent.inspection import Image
from agent.model_contract import InputSpec
from agent.preprocess import letterbox, letterbox_mask
from trainer.overlay import COLUMNS, Case, sheet
from trainer.parts_table import Part
from trainer.pixel_counts import predicted_mask
from trainer.seen import Seen
from trainer.tiles import GOOD

WORST = 30


def worst_cases(tiles: list[Seen], parts: list[Part], spec: InputSpec, pixel_level: int) -> Image:
    """Wrong verdicts first, escapes before overkill, then the lowest Dice; BGR."""

    def badness(one: tuple[Seen, Part]) -> tuple[bool, bool, float]:
        part = one[1]
        return part.thrown_away != part.good, part.good, part.pixels.dice

    pairs = sorted(zip(tiles, parts, strict=True), key=badness)
    return sheet([_case(tile, part, spec, pixel_level) for tile, part in pairs[:WORST]])


def typical_cases(tiles: list[Seen], parts: list[Part], spec: InputSpec, pixel_level: int) -> Image:
    """A row a class, good tiles last: from the lowest Dice to the highest in equal steps; BGR."""
    rows = []
    for label in sorted({part.label for part in parts}, key=lambda label: (label == GOOD, label)):
        its = [pair for pair in zip(tiles, parts, strict=True) if pair[1].label == label and pair[1].has_truth]
        its.sort(key=lambda pair: pair[1].pixels.dice)
        rows += [its[i] for i in np.linspace(0, len(its) - 1, COLUMNS).round().astype(int)] if its else []
    return sheet([_case(tile, part, spec, pixel_level) for tile, part in rows])


def _case(tile: Seen, part: Part, spec: InputSpec, pixel_level: int) -> Case:
    truth = letterbox_mask(tile.sample.mask, spec)
    return Case(
        letterbox(tile.sample.image, spec)[0],
        truth,
        np.zeros_like(truth) if tile.segmentation is None else predicted_mask(tile.segmentation, pixel_level),
        f"{part.label}: {part.called} {Path(part.image).stem}",
    )
