"""Memory and times of a soak as an SVG that any browser shows by itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from agent.report.charts import round_ticks
from tests.soak.soak import Record

WIDTH, LEFT, RIGHT, PANEL, GAP, TOP = 900, 64, 16, 170, 56, 40
LEAST_SPAN = 0.5
"""Of an axis: MB, ms, files or minutes."""
Curve = tuple[str, str, list[tuple[float, float]]]
"""Name, colour, points (s, value)."""


def picture(record: Record, title: str) -> str:
    """Three panels above each other: memory, p99 of each minute, open files and threads."""
    station = record.samples.get("station", [])
    panels: list[tuple[str, list[Curve]]] = [
        ("station's memory, MB", [("RSS", "#1f77b4", [(sample.at_s, sample.rss_mb) for sample in station])]),
        ("p99 of each minute, ms", [
            ("frame in hand → acknowledged", "#d62728", [(m.at_s, m.write_p99_ms) for m in record.minutes]),
            ("photo-eye → acknowledged", "#ff7f0e", [(m.at_s, m.whole_p99_ms) for m in record.minutes]),
        ]),
        ("station's open files and threads", [
            ("open files", "#2ca02c", [(sample.at_s, sample.descriptors) for sample in station]),
            ("threads", "#8c564b", [(sample.at_s, sample.threads) for sample in station]),
        ]),
    ]  # fmt: skip
    height = TOP + len(panels) * (PANEL + GAP)
    parts = [part for number, (name, curves) in enumerate(panels)
             for part in _panel(TOP + number * (PANEL + GAP) + 16, name, curves, record)]  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>{"".join(parts)}</svg>\n'
    )


def _panel(top: float, name: str, curves: Sequence[Curve], record: Record) -> list[str]:
    values = [value for _, _, points in curves for _, value in points] or [0.0]
    ticks = round_ticks(min(values), max(values), LEAST_SPAN)
    end_s = max([record.ran_s, 1.0, *(minute.at_s for minute in record.minutes)])

    def x(at_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at_s / end_s

    def y(value: float) -> float:
        return top + PANEL * (ticks[-1] - value) / (ticks[-1] - ticks[0])

    warm_x = x(min(record.warm_up_s, end_s))
    parts = [f'<rect x="{LEFT}" y="{top}" width="{warm_x - LEFT:.1f}" height="{PANEL}" fill="#eee"/>',
             f'<text x="{LEFT}" y="{top - 6}" font-weight="bold">{escape(name)}</text>',
             f'<text x="{LEFT + 4}" y="{top + 14}" fill="#888">warm-up</text>']  # fmt: skip
    for tick in ticks:
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#ccc"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for minutes in round_ticks(0, end_s / 60, LEAST_SPAN):
        if minutes * 60 <= end_s:
            at = f'x="{x(minutes * 60):.1f}" y="{top + PANEL + 15}" text-anchor="middle"'
            parts.append(f"<text {at}>{minutes:g} min</text>")
    for number, (label, colour, points) in enumerate(curves):
        path = " ".join(f"{x(at_s):.1f},{y(value):.1f}" for at_s, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        label_x = WIDTH - RIGHT - 200 * (len(curves) - number)
        parts.append(f'<text x="{label_x}" y="{top - 6}" fill="{colour}">{escape(label)}</text>')
    return parts
