"""Yield and reject rate over the period, with control limits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import mean
from zoneinfo import ZoneInfo

from agent.report.figures import Bucket
from agent.report.tallies import Stretch, parts_of

SIGMAS = 3.0
RANGE_TO_SIGMA = 1.128
"""Mean moving range of two neighbours / sigma."""


def trend_of(stretches: Sequence[Stretch], zone: ZoneInfo) -> list[Bucket]:
    """One bucket a stretch, times local; limits where there is enough to reckon them from."""
    buckets = []
    for stretch in stretches:
        parts = parts_of(stretch.tallies)
        begins, ends = stretch.begins.astimezone(zone), stretch.ends.astimezone(zone)
        buckets.append(
            Bucket(
                begins=begins,
                ends=ends,
                counts=parts.counted,
                yield_rate=parts.yield_rate,
                reject_rate=parts.reject_rate,
            )
        )
    _set_limits([bucket for bucket in buckets if bucket.counts.parts])
    return buckets


def _set_limits(buckets: list[Bucket]) -> None:
    """Laney's p' chart: the spread within a bucket by chance, times how much more buckets differ than by chance."""
    parts = sum(bucket.counts.parts for bucket in buckets)
    centre = sum(bucket.counts.rejected for bucket in buckets) / parts if parts else 0.0
    if len(buckets) < 2 or not 0 < centre < 1:
        return
    rates = [bucket.counts.rejected / bucket.counts.parts for bucket in buckets]
    chances = [sqrt(centre * (1 - centre) / bucket.counts.parts) for bucket in buckets]
    scores = [(rate - centre) / chance for rate, chance in zip(rates, chances, strict=True)]
    wider = max(1.0, mean(abs(after - before) for before, after in pairwise(scores)) / RANGE_TO_SIGMA)
    for bucket, rate, chance in zip(buckets, rates, chances, strict=True):
        reach = SIGMAS * wider * chance
        bucket.lower_limit, bucket.upper_limit = max(0.0, centre - reach), min(1.0, centre + reach)
        bucket.beyond_limits = not bucket.lower_limit <= rate <= bucket.upper_limit
