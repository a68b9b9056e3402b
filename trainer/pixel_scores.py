"""Judged parts → Dice and IoU of their pixels, in the geometry of the model's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.intervals import ratio_interval
from trainer.parts_table import Part
from trainer.pixel_counts import PixelCounts, dice, iou


def pixel_scores(parts: Sequence[Part], classes: tuple[str, ...]) -> dict[str, Any]:
    """`per_class`: own pixels, mean over the photos of the class; `micro`: all photos' pixels at once.

    Micro scores: `defect` asks only whether there is one, over all photos; `defect_photos` asks the same of the photos
    with a defect alone; `class` wants the right class, over all photos; `seed_protocol` is `defect_photos` by
    trainer.seed_protocol. Photos without truth are left out.
    """
    scored = [part for part in parts if part.has_truth]
    of_class = {name: [part for part in scored if part.label == name] for name in classes}
    pixels, defects = [part.pixels for part in scored], [part for part in scored if not part.good]
    return {
        "per_class": {name: _mean(shown) for name, shown in of_class.items() if shown},
        "micro": {
            "defect": _micro(scored, pixels),
            "defect_photos": _micro(defects, [part.pixels for part in defects]),
            "class": _micro(scored, pixels, own=True),
            "seed_protocol": _micro(defects, [part.centre for part in defects]),
        },
    }


def _mean(parts: list[Part]) -> dict[str, float]:
    counts = [(part.pixels.own_overlap, part.pixels.own_predicted, part.pixels.truth) for part in parts]
    each = np.array([dice(*of_photo) for of_photo in counts])
    low, high = ratio_interval(each, np.ones(len(each)), _groups(parts))
    mean_iou = float(np.mean([iou(*of_photo) for of_photo in counts]))
    return {"dice": float(each.mean()), "low": low, "high": high, "iou": mean_iou, **_size(parts)}


def _micro(parts: list[Part], pixels: list[PixelCounts], own: bool = False) -> dict[str, float]:
    """Without a defect pixel, true or predicted, only the counts of photos."""
    overlap = np.array([one.own_overlap if own else one.overlap for one in pixels], float)
    sizes = np.array([one.predicted + one.truth for one in pixels], float)
    if not sizes.sum():
        return _size(parts)
    low, high = ratio_interval(2 * overlap, sizes, _groups(parts))
    both, size = int(overlap.sum()), int(sizes.sum())
    return {"dice": 2 * both / size, "low": low, "high": high, "iou": both / (size - both), **_size(parts)}


def _groups(parts: list[Part]) -> np.ndarray:
    return np.array([part.group for part in parts], np.int64)


def _size(parts: list[Part]) -> dict[str, float]:
    return {"photos": len(parts), "groups": len({part.group for part in parts})}
