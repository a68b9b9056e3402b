"""What the line cares for: how many tiles of each defect class are rejected, and how many good ones (overkill)."""

from __future__ import annotations

from collections.abc import Sequence

from agent.inspection import Verdict
from trainer.tiles import GOOD


def part_scores(labels: Sequence[str], verdicts: Sequence[Verdict], classes: tuple[str, ...]) -> dict[str, float]:
    """Recall per class with its n, over all defect tiles, and overkill; a class without tiles is left out."""
    parts = list(zip(labels, verdicts, strict=True))
    found: dict[str, float] = {}
    for name in (*classes, GOOD):
        rejected = [verdict is Verdict.REJECT for label, verdict in parts if label == name]
        if rejected:
            key = "overkill" if name == GOOD else f"recall_{name}"
            found[key] = round(sum(rejected) / len(rejected), 4)
            found[f"n_{name}"] = len(rejected)
    defects = [verdict is Verdict.REJECT for label, verdict in parts if label != GOOD]
    return {**found, "recall": round(sum(defects) / max(len(defects), 1), 4)}
