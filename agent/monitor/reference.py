"""What is usual for one figure, learnt from the first parts. Pure.

Neighbouring parts resemble each other (a batch of material, a lamp that flickers slowly), so that their mean wanders
more than s/√n. How much more is taken from the means of batches (Schmeiser 1982, "Batch size effects in the analysis
of simulation output").
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from pydantic import FiniteFloat

BATCHES = 40
"""The parts of a baseline make so many batches …"""
FEWEST_BATCHES = 20
"""… and a figure that had values for less than so many has no usual value."""


@dataclass(frozen=True)
class Reference:
    """Mean over `count` values; `sigma` /√n is how far the mean of n neighbouring ones lies from it."""

    count: int
    mean: FiniteFloat
    sigma: FiniteFloat


@dataclass
class Sums:
    """Of the values so far, and of the means of their batches: mean, and sum of squared deviations from it."""

    count: int = 0
    mean: FiniteFloat = 0.0
    squares: FiniteFloat = 0.0
    batches: int = 0
    batches_mean: FiniteFloat = 0.0
    batches_squares: FiniteFloat = 0.0
    batch_count: int = 0
    batch_total: FiniteFloat = 0.0

    def add(self, value: float, batch_parts: int) -> None:
        """One more value (Welford)."""
        self.count += 1
        before, self.mean = self.mean, self.mean + (value - self.mean) / self.count
        self.squares += (value - before) * (value - self.mean)
        self.batch_count += 1
        self.batch_total += value
        if self.batch_count >= batch_parts:
            self._end_batch()

    def _end_batch(self) -> None:
        mean = self.batch_total / self.batch_count
        self.batches += 1
        before, self.batches_mean = self.batches_mean, self.batches_mean + (mean - self.batches_mean) / self.batches
        self.batches_squares += (mean - before) * (mean - self.batches_mean)
        self.batch_count, self.batch_total = 0, 0.0

    def usual(self, batch_parts: int) -> Reference | None:
        """None: too few values to say."""
        if self.batches < FEWEST_BATCHES:
            return None
        alone = self.squares / (self.count - 1)
        together = batch_parts * self.batches_squares / (self.batches - 1)
        return Reference(self.count, self.mean, sqrt(max(alone, together)))
