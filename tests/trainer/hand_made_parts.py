"""Rows of judged parts made by hand."""

from __future__ import annotations

from typing import Any

from agent.inspection import Verdict
from trainer.parts_table import Part
from trainer.pixel_counts import PixelCounts

CLASSES = ("crack", "fray")


def part(label: str, group: int = 0, rejected: bool | None = None, score: float = 0.0, **more: Any) -> Part:
    """`rejected` None: no decision. `score`: the suspicion of a crack."""
    verdict = {True: Verdict.REJECT, False: Verdict.PASS, None: Verdict.NO_DECISION}[rejected]
    called = {Verdict.REJECT: "crack", Verdict.PASS: "free"}.get(verdict, "no_decision")
    made = {
        "image": f"{label} {group}",
        "defect_px": 0 if label == "free" else 9,
        "pixels": PixelCounts() if label == "free" else PixelCounts(truth=9),
        "centre": PixelCounts(),
        "rejected_at": {0.0: False, 0.05: bool(rejected)},
        "called": called,
    }
    suspicion = {"crack": score, "fray": 0.0}
    return Part(group=group, label=label, verdict=verdict, suspicion=suspicion, **made | more)
