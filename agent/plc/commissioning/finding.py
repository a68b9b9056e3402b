"""What a look at a PLC has found: right, doubtful or wrong, and for what is not right how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np


class Level(StrEnum):
    """DOUBTFUL: a station works with it, but somebody should look. UNKNOWN: it could not be looked at from here."""

    RIGHT = "right"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One line for a person."""

    subject: str
    level: Level
    seen: str
    remedy: str = ""


def right(subject: str, seen: str) -> Finding:
    """As it must be."""
    return Finding(subject, Level.RIGHT, seen)


def doubtful(subject: str, seen: str, remedy: str) -> Finding:
    """Works, but should be looked at."""
    return Finding(subject, Level.DOUBTFUL, seen, remedy)


def wrong(subject: str, seen: str, remedy: str) -> Finding:
    """No station can work with this."""
    return Finding(subject, Level.WRONG, seen, remedy)


def unknown(subject: str, why: str, remedy: str = "") -> Finding:
    """Nobody can say from here; never taken for right."""
    return Finding(subject, Level.UNKNOWN, why, remedy)


@dataclass(frozen=True)
class Spread:
    """The distribution of a measured value."""

    n: int
    min: float
    median: float
    p99: float
    max: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread | None:
        """None where nothing was measured."""
        if not values:
            return None
        low, median, p99, high = np.percentile(values, [0, 50, 99, 100])
        return Spread(len(values), *(round(float(value), 3) for value in (low, median, p99, high)))

    def __str__(self) -> str:
        return f"min {self.min:g} · median {self.median:g} · p99 {self.p99:g} · max {self.max:g} ms (n = {self.n})"
