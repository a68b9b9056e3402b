"""Judged parts → all scores, as plain values for JSON. Pure: the same for one split's parts and for pooled folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trainer.part_scores import confusion, curve, part_scores
from trainer.parts_table import Part
from trainer.pixel_scores import pixel_scores

DIGITS = 4


def summary(parts: Sequence[Part], classes: tuple[str, ...]) -> dict[str, Any]:
    """Everything that is reported about `parts`, which are not none; what they lack (a class, good ones) is left out.

    `low` and `high` bound the 95 % interval, by bootstrap over groups. `without_pixel_score` counts the photos of a
    defect class whose mask shows nothing, at the size that the network sees: at part level their label counts.
    """
    found = {
        "photos": len(parts),
        "groups": len({part.group for part in parts}),
        "without_pixel_score": dict(Counter(part.label for part in parts if not part.has_truth)),
        "pixel": pixel_scores(parts, classes),
        "part": part_scores(parts, classes),
        "curve": curve(parts, classes),
        "confusion": confusion(parts),
    }
    return dict(_rounded(found))


def headline(found: dict[str, Any]) -> dict[str, float]:
    """The few numbers of a summary by which runs are compared, flat."""
    part, pixel = found["part"], found["pixel"]
    return {
        **_at(part),
        **{f"n_{name}": share["of_photos"] for name, share in part["recall"].items()},
        **{f"auroc_{name}": scores["value"] for name, scores in part["auroc"].items()},
        **{f"dice_{name}": scores["dice"] for name, scores in pixel["per_class"].items()},
        **{f"dice_micro_{name}": scores["dice"] for name, scores in pixel["micro"].items() if "dice" in scores},
        **{
            f"{name}_at_5": value
            for point in found["curve"]
            if point["allowed"] == 0.05
            for name, value in _at(point).items()
        },
    }


def _at(point: dict[str, Any]) -> dict[str, float]:
    recall = {f"recall_{name}": share["value"] for name, share in point["recall"].items()}
    return {**recall, "overkill": point["overkill"]["value"]} if "overkill" in point else recall


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, DIGITS) if isinstance(value, float) else value
