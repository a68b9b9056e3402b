"""Recall against overkill, as a table for `dvc plots` and as a picture with intervals."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Curve = Sequence[dict[str, Any]]
COLUMNS, WIDE, HIGH = 3, 260, 170
LEFT, TOP, GAP_X, GAP_Y = 48, 52, 60, 62
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
AIM = 0.05
"""Overkill that the eye should find: a dashed line."""
STYLE = """
text { font: 12px sans-serif; fill: #333 } .name { font-weight: bold }
.grid { stroke: #ddd } .aim { stroke: #888; stroke-dasharray: 4 3 }
.band { fill: #1f77b4; fill-opacity: .18 } .curve { fill: none; stroke: #1f77b4; stroke-width: 2 }
circle { fill: #1f77b4 }
"""


def write_curve(curve: Curve, path: Path) -> None:
    """A row a point: allowed and measured overkill, then the recall of each class."""
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(["allowed", "overkill", *_classes(curve)])
        for point in _with_overkill(curve):
            recalls = [point["recall"][name]["value"] for name in _classes(curve)]
            writer.writerow([point["allowed"], point["overkill"]["value"], *recalls])


def curve_chart(curve: Curve) -> str:
    """A panel a class: the line is the recall, the band its 95 % interval. SVG, white, complete in itself."""
    names = _classes(curve)
    rows = -(-len(names) // COLUMNS)
    width, height = LEFT + COLUMNS * (WIDE + GAP_X), TOP + rows * (HIGH + GAP_Y)
    places = (divmod(i, COLUMNS) for i in range(len(names)))
    panels = [_Panel(LEFT + column * (WIDE + GAP_X), TOP + row * (HIGH + GAP_Y)) for row, column in places]
    shown = "".join(panel.of(name, _with_overkill(curve)) for panel, name in zip(panels, names, strict=True))
    title = "Recall against overkill on test photos; thresholds chosen on validation photos, 95 % intervals by group"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">'
        f'<style>{STYLE}</style><rect width="100%" height="100%" fill="white"/>'
        f'<text class="name" x="{LEFT}" y="20">{title}</text>{shown}</svg>\n'
    )


class _Panel:
    """One class's axes; overkill to the right, from 0 to the highest measured, recall upwards."""

    def __init__(self, left: int, top: int) -> None:
        self._left, self._top, self._most = left, top, 1.0

    def of(self, name: str, points: Curve) -> str:
        self._most = max([2 * AIM, *(point["overkill"]["value"] for point in points)])
        dots = [(point["overkill"]["value"], point["recall"][name]) for point in points]
        return self._frame(name, points[0]["recall"][name]) + self._line(sorted(dots, key=lambda dot: dot[0]))

    def _frame(self, name: str, share: dict[str, float]) -> str:
        x, right, low = self._left, self._left + WIDE, self._top + HIGH
        caption = f"{escape(name)}: {share['of_photos']} photos, {share['of_groups']} groups"
        parts = [f'<text class="name" x="{x}" y="{self._top - 8}">{caption}</text>']
        for tick in TICKS:
            y = self._y(tick)
            parts.append(f'<line class="grid" x1="{x}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{x - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.0%}</text>')
        for tick in (0.0, self._most / 2, self._most):
            parts.append(f'<text x="{self._x(tick):.1f}" y="{low + 16}" text-anchor="middle">{tick:.0%}</text>')
        aim = self._x(AIM)
        parts.append(f'<line class="aim" x1="{aim:.1f}" x2="{aim:.1f}" y1="{self._top}" y2="{low}"/>')
        parts.append(f'<text x="{right}" y="{low + 30}" text-anchor="end">overkill (dashed: {AIM:.0%})</text>')
        return "".join(parts)

    def _line(self, dots: list[tuple[float, dict[str, float]]]) -> str:
        xs = [self._x(overkill) for overkill, _ in dots]
        upper, low, middle = (
            [f"{x:.1f},{self._y(share[key]):.1f}" for x, (_, share) in zip(xs, dots, strict=True)]
            for key in ("high", "low", "value")
        )
        marks = "".join(f'<circle cx="{at.split(",")[0]}" cy="{at.split(",")[1]}" r="2.5"/>' for at in middle)
        band = f'<polygon class="band" points="{" ".join(upper + low[::-1])}"/>'
        return f'{band}<polyline class="curve" points="{" ".join(middle)}"/>{marks}'

    def _x(self, overkill: float) -> float:
        return self._left + WIDE * overkill / self._most

    def _y(self, recall: float) -> float:
        return self._top + HIGH * (1 - recall)


def _with_overkill(curve: Curve) -> Curve:
    """Without good photos there is no curve."""
    return [point for point in curve if "overkill" in point]


def _classes(curve: Curve) -> list[str]:
    return [name for point in _with_overkill(curve)[:1] for name in point["recall"]]
