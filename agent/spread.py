"""The distribution of something that was measured several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
