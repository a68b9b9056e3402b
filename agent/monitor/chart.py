"""Has a figure left what is usual for it? A cumulative sum a direction adds up the evidence, part by part. Pure.

Page 1954; for means in Montgomery's tabular form (Introduction to Statistical Quality Control, ch. 9), for rates the
Bernoulli CUSUM of Reynolds and Stoumbos 1999, which holds for rare defects too. It needs no window: what is far out
is found within some tens of parts, what is just out within some thousands.

How seldom it errs needs no table: between two false alarms lie at least e^EVIDENCE parts on average (Lorden 1971), as
long as the true mean of the line lies within half the way to the limit. The first parts of a line do not tell its true
mean exactly; half the limit is therefore `sigmas` / 2 standard errors of what was learnt, or more.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

from agent.monitor.reference import Reference

EVIDENCE = 18.0
"""e^18 = 66 million parts: more than a month at 20 parts/s."""
FARTHEST = 4.0
"""A single part counts for no more standard deviations than this: one black photo is no drift."""
STEEPEST = 0.5
"""A limit is at most so many standard deviations of a part away; where parts hardly differ, they are taken to."""
ODDS = 2.0
"""A rate is tested against one of so many times its odds."""


@dataclass
class Direction:
    """One direction of one figure: `evidence` grows while the values lie beyond `limit`; at 1 it is an excursion."""

    limit: float
    evidence: float = 0.0
    parts: int = 0
    total: float = 0.0

    def add(self, step: float, value: float) -> bool:
        """True: the figure has left its limits, `mean` over the `parts` since it did."""
        self.evidence += step
        if self.evidence <= 0:
            self.reset()
            return False
        self.parts += 1
        self.total += value
        return self.evidence >= 1

    def reset(self) -> None:
        self.evidence, self.parts, self.total = 0.0, 0, 0.0

    @property
    def mean(self) -> float:
        return self.total / self.parts


class MeanChart:
    """Limits to both sides: `sigmas` standard errors of what was learnt, but no less than `min_change` of it."""

    def __init__(self, usual: Reference, sigmas: float, min_change: float) -> None:
        limit = max(min_change * abs(usual.mean), sigmas * usual.sigma / sqrt(usual.count))
        self._usual = usual.mean
        self._sigma = max(usual.sigma, limit / STEEPEST, 1e-9)
        self._slack = max(limit / self._sigma, 1e-3)
        self._share = self._slack / EVIDENCE
        self.rising, self.falling = Direction(usual.mean + limit), Direction(usual.mean - limit)

    def steps(self, value: float) -> tuple[float, float]:
        """What this value adds to the evidence, up and down."""
        away = min(FARTHEST, max(-FARTHEST, (value - self._usual) / self._sigma))
        return (away - self._slack) * self._share, (-away - self._slack) * self._share


class RateChart:
    """Of 0 and 1. Limits by Wilson's interval for what was learnt: a class that was never seen has one as well."""

    def __init__(self, usual: Reference, sigmas: float) -> None:
        alone = usual.mean * (1 - usual.mean)
        inflation = max(1.0, usual.sigma**2 / alone) if alone > 0 else 1.0
        low, high = wilson(usual.mean, usual.count / inflation, sigmas / 2)
        self._up, limit = _test(high, ODDS, inflation)
        self.rising = Direction(limit)
        self._down, limit = _test(low, 1 / ODDS, inflation)
        self.falling = Direction(limit)

    def steps(self, value: float) -> tuple[float, float]:
        """What this value adds to the evidence, up and down."""
        seen = int(value > 0)
        return self._up[seen], self._down[seen]


def _test(rate: float, odds: float, inflation: float) -> tuple[tuple[float, float], float]:
    """Log-likelihood ratio of a 0 and of a 1 for `odds` times the odds of `rate`, and the rate that favours neither."""
    other = odds * rate / (1 - rate + odds * rate)
    if not 0 < rate < other < 1 and not 0 < other < rate < 1:
        return (0.0, 0.0), rate  # it cannot be exceeded: never seen and none less, or all and none more
    none, one = log((1 - other) / (1 - rate)), log(other / rate)
    scale = inflation * EVIDENCE
    return (none / scale, one / scale), -none / (one - none)


def wilson(rate: float, count: float, sigmas: float) -> tuple[float, float]:
    """Score interval of a rate seen in `count` parts (Wilson 1927)."""
    z = sigmas**2 / count
    centre, half = rate + z / 2, sqrt(z * (rate * (1 - rate) + z / 4))
    return max(0.0, (centre - half) / (1 + z)), min(1.0, (centre + half) / (1 + z))
