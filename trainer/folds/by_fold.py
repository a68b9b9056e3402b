"""A cross-validation's result fold by fold: a line computer has one network, not the average of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.split_table import FOLD

COLUMNS = ("fold", "found, photos", "good photos rejected", "threshold")


def by_fold(told: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Of reports/folds/summary.json: a row a fold, as COLUMNS says."""
    return [
        (
            name,
            _count(found["part"]["recall"]["all"]),
            _count(found["part"].get("overkill")),
            str(next(iter(found["thresholds"].values()))),
        )
        for name, found in told.items()
        if name.startswith(FOLD)
    ]


def _count(share: Mapping[str, Any] | None) -> str:
    return f"{share['photos']} of {share['of_photos']}" if share else "–"
