"""Has light, lens, material or model changed since the station was set up? Pure: parts in, changes out.

Each product (a model under a recipe) has its own baseline: its first parts say what is usual.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.monitor.chart import Direction, MeanChart, RateChart
from agent.monitor.reference import BATCHES, Reference, Sums
from agent.results_config import DriftConfig

RETURN = 0.5
"""An excursion has ended when the mean of a window lies within this share of the way to the limit."""


@dataclass(frozen=True)
class Part:
    """What one part adds: `means` are measured, `rates` happened or not. `judged`: there was a photo good enough."""

    product: str
    judged: bool
    means: Mapping[str, float]
    rates: Mapping[str, bool]


@dataclass
class Baseline:
    """What is usual for a product; still being learnt while `usual` is None."""

    batch_parts: int
    parts: int = 0
    """So many have been judged."""
    means: dict[str, Sums] = field(default_factory=dict)
    rates: dict[str, Sums] = field(default_factory=dict)
    usual_means: dict[str, Reference] | None = None
    usual_rates: dict[str, Reference] | None = None

    @property
    def complete(self) -> bool:
        return self.usual_means is not None

    def learn(self, part: Part, baseline_parts: int) -> None:
        """Take in one part; complete with the last one that it takes."""
        for sums, values in ((self.means, part.means), (self.rates, part.rates)):
            for name, value in values.items():
                sums.setdefault(name, Sums()).add(value, self.batch_parts)
        self.parts += part.judged
        if self.parts >= baseline_parts:
            self.usual_means, self.usual_rates = self._usual(self.means), self._usual(self.rates)
            self.means, self.rates = {}, {}

    def _usual(self, sums: dict[str, Sums]) -> dict[str, Reference]:
        found = {name: figure.usual(self.batch_parts) for name, figure in sums.items()}
        return {name: usual for name, usual in found.items() if usual}


@dataclass(frozen=True)
class Change:
    """A figure has left its limits, or has come back: `now` is its mean over the newest `parts`."""

    figure: str
    left: bool
    now: float
    parts: int
    usual: float
    low: float
    high: float

    def __str__(self) -> str:
        now = f"{self.now:.4g} over the last {self.parts} parts"
        return f"{now}, usual {self.usual:.4g}, limits {self.low:.4g} to {self.high:.4g}"


class Watched:
    """One figure of the product that runs now, against its limits."""

    def __init__(self, name: str, usual: float, chart: MeanChart | RateChart) -> None:
        self.name, self.usual, self._chart = name, usual, chart
        self.out: Direction | None = None
        self.now: float | None = None
        """Mean of the newest whole window; None: none is whole yet."""
        self._parts, self._total = 0, 0.0

    @property
    def low(self) -> float:
        return self._chart.falling.limit

    @property
    def high(self) -> float:
        return self._chart.rising.limit

    def add(self, value: float, window_parts: int) -> Change | None:
        """One more value; what it changed."""
        self._parts += 1
        self._total += value
        window_ends = self._parts >= window_parts
        if window_ends:
            self.now, self._parts, self._total = self._total / self._parts, 0, 0.0
        if self.out is not None:
            return self._return(self.out, self.now, window_parts) if window_ends and self.now is not None else None
        return self._leave(value)

    def _leave(self, value: float) -> Change | None:
        chart = self._chart
        for direction, step in zip((chart.rising, chart.falling), chart.steps(value), strict=True):
            if direction.add(step, value):
                self.out = direction
                self._parts, self._total = 0, 0.0  # the way back is measured in whole windows from here
                return Change(self.name, True, direction.mean, direction.parts, self.usual, self.low, self.high)
        return None

    def _return(self, out: Direction, now: float, parts: int) -> Change | None:
        near = self.usual + RETURN * (out.limit - self.usual)
        if now > near if out is self._chart.rising else now < near:
            return None
        self.out = None
        self._chart.rising.reset()
        self._chart.falling.reset()
        return Change(self.name, False, now, parts, self.usual, self.low, self.high)


class Drift:
    """`baselines` by product, the newest last; changed in place, for somebody else to keep."""

    def __init__(self, config: DriftConfig, baselines: dict[str, Baseline]) -> None:
        self._config, self._baselines = config, baselines
        self.learnt = 0
        """So many baselines have been completed here."""
        self._product = ""
        self._watched: dict[str, dict[str, Watched]] = {}
        """By product: jobs that take turns each go on where they were."""

    @property
    def figures(self) -> list[Watched]:
        """Of the product that runs now; none while its baseline is being learnt."""
        return list(self._watched.get(self._product, {}).values())

    @property
    def drifting(self) -> list[str]:
        """Names of the figures outside their limits."""
        return [figure.name for figure in self.figures if figure.out]

    @property
    def learning_parts(self) -> int:
        """So many more parts are learnt from before the figures are watched; 0 too while none has come at all."""
        baseline = self._baselines.get(self._product)
        if baseline is None or baseline.complete:
            return 0
        return self._config.baseline_parts - baseline.parts

    def begin_anew(self) -> int:
        """Forget what is usual for the product that runs now: its next parts, so many, say it."""
        self._baselines.pop(self._product, None)
        self._watched.pop(self._product, None)
        self._product = ""
        return self._config.baseline_parts

    def observe(self, part: Part) -> list[Change]:
        """Take in one part: what it changed."""
        if part.product != self._product:
            self._turn_to(part.product)
        watched = self._watched.get(part.product)
        if watched is None:
            self._learn(part)
            return []
        values = (*part.means.items(), *part.rates.items())
        changes = (watched[name].add(value, self._config.window_parts) for name, value in values if name in watched)
        return [change for change in changes if change]

    def _turn_to(self, product: str) -> None:
        self._product = product
        batch_parts = self._config.baseline_parts // BATCHES
        baseline = self._baselines.pop(product, None)
        if baseline is None or not (baseline.complete or baseline.batch_parts == batch_parts):
            baseline = Baseline(batch_parts)
        self._baselines[product] = baseline
        if baseline.complete and product not in self._watched:
            self._watched[product] = self._charts(baseline)

    def _learn(self, part: Part) -> None:
        baseline = self._baselines[part.product]
        baseline.learn(part, self._config.baseline_parts)
        if baseline.complete:
            self.learnt += 1
            self._watched[part.product] = self._charts(baseline)

    def _charts(self, baseline: Baseline) -> dict[str, Watched]:
        sigmas, least = self._config.sigmas, self._config.min_change
        means, rates = baseline.usual_means or {}, baseline.usual_rates or {}
        return {name: Watched(name, u.mean, MeanChart(u, sigmas, least)) for name, u in means.items()} | {
            name: Watched(name, u.mean, RateChart(u, sigmas)) for name, u in rates.items()
        }
