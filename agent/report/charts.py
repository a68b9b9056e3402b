"""Charts of a report as SVG within an HTML page: colours by the page's style, a title for whoever cannot see them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from markupsafe import Markup, escape

from agent.report.figures import Bucket, ClassFigures, HeatMap
from agent.report.wording import percent

WIDTH, LEFT, RIGHT, TOP = 720, 52, 12, 14
TIMES = 9
"""So many labels along a time axis."""
Points = list[tuple[float, float]]


def trend_chart(trend: Sequence[Bucket]) -> Markup:
    """Yield above, reject rate with its control limits below; a diamond lies beyond them."""
    height = 330
    yields, rejects = _Panel(trend, TOP, 120), _Panel(trend, TOP + 170, 110)
    parts = [
        *yields.scale("yield", [bucket.yield_rate for bucket in trend]),
        yields.line("yield", [bucket.yield_rate for bucket in trend]),
        *rejects.scale(
            "reject rate",
            [bucket.reject_rate for bucket in trend]
            + [limit for bucket in trend for limit in (bucket.lower_limit, bucket.upper_limit)],
        ),
        rejects.band(),
        rejects.line("reject", [bucket.reject_rate for bucket in trend]),
        *rejects.marks(),
        *rejects.times(height - 8),
    ]
    beyond = sum(bucket.beyond_limits for bucket in trend)
    return _svg(WIDTH, height, f"Yield and reject rate over time; {beyond} times beyond the control limits", parts)


class _Panel:
    """One curve's area, from `top`, `height` high; a bucket's value stands at its middle."""

    def __init__(self, trend: Sequence[Bucket], top: int, height: int) -> None:
        self._trend, self._top, self._height = trend, top, height
        self._low, self._high = 0.0, 1.0

    def scale(self, name: str, values: Sequence[float | None]) -> list[str]:
        """Grid lines at round values around all of `values`."""
        known = [value for value in values if value is not None] or [0.0, 1.0]
        ticks = round_ticks(min(known), max(known), 0.01)
        self._low, self._high = ticks[0], ticks[-1]
        digits = max(0, ceil(-log10(100 * (ticks[1] - ticks[0])) - 1e-9))
        lines = [f'<text class="name" x="{LEFT}" y="{self._top - 3}">{name}</text>']
        for tick in ticks:
            y = self._y(tick)
            lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * tick:.{digits}f} %</text>')
        return lines

    def line(self, css: str, values: Sequence[float | None]) -> str:
        """A curve, broken where there were no parts."""
        path, pen = [], "M"
        for number, value in enumerate(values):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{self._x(number):.1f} {self._y(value):.1f}")
            pen = "L"
        return f'<path class="curve {css}" d="{" ".join(path)}"/>'

    def band(self) -> str:
        """What lies between the limits, stepwise."""
        with_limits = [(number, bucket) for number, bucket in enumerate(self._trend) if bucket.upper_limit is not None]
        half = self._step / 2
        upper, lower = [], []
        for number, bucket in with_limits:
            x, high, low = self._x(number), self._y(bucket.upper_limit or 0.0), self._y(bucket.lower_limit or 0.0)
            upper += [f"{x - half:.1f},{high:.1f}", f"{x + half:.1f},{high:.1f}"]
            lower += [f"{x - half:.1f},{low:.1f}", f"{x + half:.1f},{low:.1f}"]
        return f'<polygon class="band" points="{" ".join(upper + lower[::-1])}"/>'

    def marks(self) -> list[str]:
        """A dot each, a diamond beyond the limits."""
        shapes = []
        for number, bucket in enumerate(self._trend):
            if bucket.reject_rate is not None:
                x, y = self._x(number), self._y(bucket.reject_rate)
                tip = f"<title>{bucket.begins:%H:%M} {percent(bucket.reject_rate)} of {bucket.counts.parts:,}</title>"
                if bucket.beyond_limits:
                    shapes.append(f'<path class="beyond" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z">{tip}</path>')
                else:
                    shapes.append(f'<circle class="reject" cx="{x:.1f}" cy="{y:.1f}" r="2.5">{tip}</circle>')
        return shapes

    def times(self, y: int) -> list[str]:
        """When the buckets begin."""
        every = ceil(len(self._trend) / TIMES)
        days = self._trend[-1].ends - self._trend[0].begins
        form = "%H:%M" if days.total_seconds() <= 86_400 else "%d %b %H:%M" if every > 1 else "%d %b"
        return [
            f'<text x="{self._x(number) - self._step / 2:.1f}" y="{y}" text-anchor="middle">'
            f"{bucket.begins.strftime(form)}</text>"
            for number, bucket in enumerate(self._trend)
            if number % every == 0
        ]

    @property
    def _step(self) -> float:
        return (WIDTH - LEFT - RIGHT) / len(self._trend)

    def _x(self, number: int) -> float:
        return LEFT + (number + 0.5) * self._step

    def _y(self, value: float) -> float:
        return self._top + self._height * (self._high - value) / (self._high - self._low)


def pareto_chart(classes: Sequence[ClassFigures], colours: dict[str, str]) -> Markup:
    """A bar a class, and the line of the rejects that have it or one before it."""
    width, height, left, bottom, top = 360, 230, 40, 28, 16
    wide, high = (width - left - 10) / len(classes), height - bottom - top
    parts = []
    for tick in (0, 25, 50, 75, 100):
        y = top + high * (1 - tick / 100)
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 10}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{tick} %</text>')
    for number, figures in enumerate(classes):
        x, tall = left + (number + 0.15) * wide, high * figures.share
        parts.append(
            f'<rect x="{x:.1f}" y="{top + high - tall:.1f}" width="{0.7 * wide:.1f}" height="{tall:.1f}" '
            f'fill="{colours[figures.name]}"><title>{escape(figures.name)}: {percent(figures.share)}</title></rect>'
        )
        parts.append(
            f'<text x="{left + (number + 0.5) * wide:.1f}" y="{height - 10}" text-anchor="middle">'
            f"{escape(figures.name)}</text>"
        )
    points = [(left + (n + 0.5) * wide, top + high * (1 - f.cumulative)) for n, f in enumerate(classes)]
    parts.append(f'<polyline class="curve total" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>')
    parts += [f'<circle class="total" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
    worst = ", ".join(f"{figures.name} {percent(figures.share)}" for figures in classes)
    return _svg(width, height, f"Share of rejects with each class: {worst}", parts)


def heat_chart(heat: HeatMap, cells: list[list[int]], name: str, colour: str) -> Markup:
    """The part from above, darker where more defects lie; scaled to its own fullest cell."""
    most = max(max(row) for row in cells) or 1
    size, left, bottom = 12, 34, 18
    width, height = heat.columns * size, heat.rows * size
    parts = [f'<rect class="frame" x="{left}" y="0.5" width="{width}" height="{height}"/>']
    for row, counts in enumerate(cells):
        for column, count in enumerate(counts):
            if count:
                parts.append(
                    f'<rect x="{left + column * size}" y="{row * size}" width="{size}" height="{size}" '
                    f'fill="{colour}" fill-opacity="{0.08 + 0.92 * count / most:.2f}"/>'
                )
    right, low = heat.x_mm + heat.columns * heat.cell_mm, heat.y_mm + heat.rows * heat.cell_mm
    parts += [
        f'<text x="{left}" y="{height + 14}">{heat.x_mm:g}</text>',
        f'<text x="{left + width}" y="{height + 14}" text-anchor="end">{right:g} mm</text>',
        f'<text x="{left - 4}" y="10" text-anchor="end">{heat.y_mm:g}</text>',
        f'<text x="{left - 4}" y="{height}" text-anchor="end">{low:g}</text>',
    ]
    title = f"{name}: where defects lie, up to {most} in {heat.cell_mm:g} by {heat.cell_mm:g} mm"
    return _svg(left + width + 1, height + bottom, title, parts)


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> Markup:
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>')


def round_ticks(low: float, high: float, least_span: float) -> list[float]:
    """Three to six round values around both; as close as for `least_span` where both are nearly the same."""
    span = max(high - low, least_span)
    power = 10.0 ** floor(log10(span / 3))
    step = next(nice * power for nice in (1, 2, 5, 10) if span / (nice * power) <= 4)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [number * step for number in range(first, max(last, first + 1) + 1)]
