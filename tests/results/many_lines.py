"""Thousands of lines at once, so that a month of parts takes seconds: the charts' own constants, a line a column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.monitor.chart import FARTHEST, MeanChart, RateChart
from agent.monitor.reference import BATCHES, Reference
from agent.results_config import DriftConfig

Values = NDArray[np.float64]


def steady(kind: str, lines: int, seed: int) -> Callable[[], Values]:
    """What the next part of each line measures, on lines that nothing happens to: from quiet to wild, or a rate."""
    rng, level = np.random.default_rng(seed), np.zeros(lines)

    def neighbours_are_alike() -> Values:
        level[:] = 0.7 * level + rng.normal(0, 7, lines)
        return 112 + level

    kinds: dict[str, Callable[[], Values]] = {
        "quiet": lambda: rng.normal(112, 2, lines),
        "noisy": lambda: rng.normal(112, 33, lines),
        "skewed": lambda: 300 * rng.lognormal(0, 0.8, lines),
        "in batches": neighbours_are_alike,
    }
    return kinds[kind] if kind in kinds else lambda: (rng.random(lines) < float(kind)).astype(float)


def first_alarms(source: Callable[[], Values], parts: int, config: DriftConfig, rate: bool) -> NDArray[np.int64]:
    """With which part after its baseline each line was said to have left its limits; 0 = never."""
    steps = _steps(_usual(source, config), config, rate)
    up, down, found = 0.0, 0.0, np.int64(0)
    for number in range(1, parts + 1):
        rising, falling = steps(source())
        up, down = np.maximum(0, up + rising), np.maximum(0, down + falling)
        found = np.where((found == 0) & ((up >= 1) | (down >= 1)), number, found)
    return np.asarray(found)


def _usual(source: Callable[[], Values], config: DriftConfig) -> list[Reference]:
    first = np.array([source() for _ in range(config.baseline_parts)])
    batch = config.baseline_parts // BATCHES
    means = first.reshape(BATCHES, batch, -1).mean(axis=1)
    sigmas = np.sqrt(np.maximum(first.var(axis=0, ddof=1), batch * means.var(axis=0, ddof=1)))
    return [Reference(config.baseline_parts, *figures) for figures in zip(first.mean(axis=0), sigmas, strict=True)]


def _steps(usual: list[Reference], config: DriftConfig, rate: bool) -> Callable[[Values], tuple[Values, Values]]:
    """As the charts' own `steps`, for a part of every line."""
    if rate:
        rates = [RateChart(one, config.sigmas) for one in usual]
        up, down = np.array([chart._up for chart in rates]).T, np.array([chart._down for chart in rates]).T
        return lambda values: (np.where(values > 0, up[1], up[0]), np.where(values > 0, down[1], down[0]))
    means = [MeanChart(one, config.sigmas, config.min_change) for one in usual]
    centre, sigma, slack, share = np.array([(c._usual, c._sigma, c._slack, c._share) for c in means]).T

    def of_means(values: Values) -> tuple[Values, Values]:
        away = np.clip((values - centre) / sigma, -FARTHEST, FARTHEST)
        return (away - slack) * share, (-away - slack) * share

    return of_means
