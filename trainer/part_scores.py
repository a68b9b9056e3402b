"""What the line cares for: does a tile with a defect ever pass, and how many good tiles are thrown away (overkill)?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trainer.intervals import auroc, auroc_interval, ratio_interval
from trainer.parts_table import Part

ALL = "all"
"""All defect classes together, beside each."""
Asked = Callable[[Part], bool]


def part_scores(parts: Sequence[Part], classes: tuple[str, ...]) -> dict[str, Any]:
    """At the thresholds of the model: recall per class and overkill; and AUROC, which needs no threshold.

    A part without a decision is no defect found, but a good one of these is thrown away. Every photo of a
    defect class counts, those with an empty mask too: somebody has labelled them as defective.
    """
    return {
        **_at(parts, classes, lambda part: part.verdict == "reject", lambda part: part.thrown_away),
        "auroc": _aurocs(parts, classes),
    }


def curve(parts: Sequence[Part], classes: tuple[str, ...]) -> list[dict[str, Any]]:
    """Recall against overkill, both measured on `parts`; the thresholds of each point were chosen on other tiles.

    `allowed` is the overkill that the choice was allowed there; how much it became here is `overkill`.
    """
    return [{"allowed": allowed, **_point(parts, classes, allowed)} for allowed in parts[0].rejected_at]


def confusion(parts: Sequence[Part]) -> dict[str, dict[str, int]]:
    """Label → what such parts were called → how many photos."""
    labels = sorted({part.label for part in parts})
    return {label: dict(Counter(part.called for part in parts if part.label == label)) for label in labels}


def _point(parts: Sequence[Part], classes: tuple[str, ...], allowed: float) -> dict[str, Any]:
    def undecided(part: Part) -> bool:
        return part.verdict == "no_decision"

    return _at(
        parts,
        classes,
        lambda part: part.rejected_at[allowed],
        lambda part: part.rejected_at[allowed] or undecided(part),
    )


def _at(parts: Sequence[Part], classes: tuple[str, ...], found: Asked, thrown_away: Asked) -> dict[str, Any]:
    good = [part for part in parts if part.good]
    recall = {name: _share(shown, found, all) for name, shown in _by_class(parts, classes).items()}
    return {"recall": recall, **({"overkill": _share(good, thrown_away, any)} if good else {})}


def _by_class(parts: Sequence[Part], classes: tuple[str, ...]) -> dict[str, list[Part]]:
    """Of each class, and ALL; none without parts."""
    shown = {name: [part for part in parts if part.label == name] for name in classes}
    shown[ALL] = [part for part in parts if not part.good]
    return {name: its for name, its in shown.items() if its}


def _share(parts: list[Part], asked: Asked, of_group: Callable[[Sequence[bool]], bool]) -> dict[str, float]:
    """k of n photos; and of groups, those of which all (recall: none escapes) or any (overkill) are it."""
    is_it = [asked(part) for part in parts]
    groups = np.array([part.group for part in parts], np.int64)
    members = {int(group): [bool(one) for one in np.array(is_it)[groups == group]] for group in np.unique(groups)}
    low, high = ratio_interval(np.array(is_it, float), np.ones(len(parts)), groups)
    return {
        "value": sum(is_it) / len(parts),
        "low": low,
        "high": high,
        "photos": sum(is_it),
        "of_photos": len(parts),
        "groups": sum(of_group(its) for its in members.values()),
        "of_groups": len(members),
    }


def _aurocs(parts: Sequence[Part], classes: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """A part is as suspicious as its most suspicious class."""
    good = [part for part in parts if part.good]
    if not good:
        return {}
    return {name: _auroc(good, shown) for name, shown in _by_class(parts, classes).items()}


def _auroc(good: list[Part], defective: list[Part]) -> dict[str, float]:
    scores = [np.array([max(part.suspicion.values()) for part in side]) for side in (good, defective)]
    groups = [np.array([part.group for part in side], np.int64) for side in (good, defective)]
    low, high = auroc_interval(scores[0], groups[0], scores[1], groups[1])
    return {"value": auroc(*scores), "low": low, "high": high}
