"""Lanes over milliseconds as a plain SVG: levels, values, and arrows for moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

LEFT, RIGHT, ROW, TOP, LEVEL = 190, 760, 34, 44, 16
FONT = 'font-family="DejaVu Sans,Arial,sans-serif"'
FILLS = {"PASS": "#d8efd8", "REJECT": "#f6dcdc", "NO_": "#f6ead0"}
CHARACTER_PX = 6.8


@dataclass
class Lane:
    """One signal. `samples`: a value a millisecond, bool = level, str = value ('' = none); `moments`: (ms, label);
    `spans`: (first ms, last ms, label)."""

    label: str
    samples: list[bool | str] = field(default_factory=list)
    moments: list[tuple[int, str]] = field(default_factory=list)
    spans: list[tuple[int, int, str]] = field(default_factory=list)


def draw(title: str, lanes: Sequence[Lane], length_ms: int) -> str:
    """The whole picture."""
    height = TOP + ROW * len(lanes) + 26
    scale = (RIGHT - LEFT) / length_ms
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {RIGHT + 20} {height}" width="{RIGHT + 20}" '
        f'height="{height}" {FONT} font-size="11">',
        f'<rect width="{RIGHT + 20}" height="{height}" fill="white"/>',
        f'<text x="10" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_axis(length_ms, scale, TOP + ROW * len(lanes)),
    ]
    for number, lane in enumerate(lanes):
        floor = TOP + ROW * (number + 1) - 8
        parts.append(f'<text x="{LEFT - 10}" y="{floor - 4}" text-anchor="end">{escape(lane.label)}</text>')
        parts += [*_samples(lane.samples, floor, scale), *_spans(lane.spans, floor, scale)]
        parts += _moments(lane.moments, floor, scale)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _axis(length_ms: int, scale: float, bottom: int) -> list[str]:
    step = next(step for step in (20, 50, 100, 200, 500) if length_ms / step <= 14)
    parts = []
    for ms in range(0, length_ms + 1, step):
        x = LEFT + ms * scale
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#666">{ms}</text>')
    return [*parts, f'<text x="{LEFT - 10}" y="{bottom + 16}" text-anchor="end" fill="#666">ms</text>']


def _samples(samples: Sequence[bool | str], floor: int, scale: float) -> list[str]:
    if samples and isinstance(samples[0], bool):
        return [_level(samples, floor, scale)]
    runs, at = [], 0
    for value, run in groupby(samples):
        end = at + len(list(run))
        runs.append((at, end, str(value)))
        at = end
    return _spans(runs, floor, scale)


def _level(samples: Sequence[bool | str], floor: int, scale: float) -> str:
    points, at = [], 0
    for value, run in groupby(samples):
        end = at + len(list(run))
        y = floor - LEVEL if value else floor
        points += [f"{LEFT + at * scale:.1f},{y}", f"{LEFT + end * scale:.1f},{y}"]
        at = end
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="black" stroke-width="1.4"/>'


def _spans(spans: Sequence[tuple[int, int, str]], floor: int, scale: float) -> list[str]:
    parts = []
    for first, end, label in spans:
        x, width = LEFT + first * scale, (end - first) * scale
        if not label:
            parts.append(f'<line x1="{x:.1f}" y1="{floor}" x2="{x + width:.1f}" y2="{floor}" stroke="black"/>')
            continue
        fill = next((colour for word, colour in FILLS.items() if word in label), "#eef1f8")
        parts.append(
            f'<rect x="{x:.1f}" y="{floor - LEVEL}" width="{width:.1f}" height="{LEVEL}" fill="{fill}" stroke="black"/>'
        )
        text = _fitting(label, width)
        if text:
            parts.append(f'<text x="{x + width / 2:.1f}" y="{floor - 4}" text-anchor="middle">{escape(text)}</text>')
    return parts


def _fitting(label: str, width: float) -> str:
    """As many words as there is room for."""
    words = label.split(" ")
    while words and len(" ".join(words)) * CHARACTER_PX > width:
        words.pop()
    return " ".join(words)


def _moments(moments: Sequence[tuple[int, str]], floor: int, scale: float) -> list[str]:
    """The label stands right of its arrow where there is room before the next one, else left of it."""
    parts, free = [], float(LEFT)
    places = [LEFT + ms * scale for ms, _ in moments] + [RIGHT + 20.0]
    for x, after, (_, label) in zip(places, places[1:], moments, strict=False):
        parts.append(f'<path d="M{x:.1f} {floor} v-{LEVEL} m-3 5 l3 -5 l3 5" fill="none" stroke="black"/>')
        width = len(label) * CHARACTER_PX
        left = width > after - x - 8 and x - 8 - free > after - x - 8
        text = _fitting(label, (x - free if left else after - x) - 8)
        anchor, at = ("end", x - 5) if left else ("start", x + 5)
        parts.append(f'<text x="{at:.1f}" y="{floor - 4}" text-anchor="{anchor}">{escape(text)}</text>')
        free = x + 5 if left else x + 5 + len(text) * CHARACTER_PX
    return parts
