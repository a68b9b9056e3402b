"""The target of `linegate calibrate` as a drawing in true size."""

from __future__ import annotations

from collections.abc import Iterator

from agent.cameras.commissioning.calibration_target import Target

_BORDER = 1.5
"""White around the target, in pitches: without it the outer points are not found."""


def target_svg(target: Target) -> str:
    """SVG in millimetres; to be printed at 100 % and measured before it is used."""
    fields = 1 if target.kind == "checkerboard" else -1
    width_mm = (target.columns + fields + 2 * _BORDER) * target.pitch_mm
    height_mm = (target.rows + fields + 2 * _BORDER) * target.pitch_mm
    shapes = _squares(target) if target.kind == "checkerboard" else _circles(target)
    text = f"{target}: print at 100 % and measure"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width_mm:g}mm" height="{height_mm:g}mm" '
            f'viewBox="0 0 {width_mm:g} {height_mm:g}">',
            f'<rect width="{width_mm:g}" height="{height_mm:g}" fill="white"/>',
            *shapes,
            f'<text x="{target.pitch_mm:g}" y="{height_mm - target.pitch_mm * 0.3:g}" '
            f'font-size="{target.pitch_mm * 0.35:g}" font-family="sans-serif">{text}</text>',
            "</svg>\n",
        ]
    )


def _squares(target: Target) -> Iterator[str]:
    side = target.pitch_mm
    for row in range(target.rows + 1):
        for column in range(row % 2, target.columns + 1, 2):
            x_mm, y_mm = (column + _BORDER) * side, (row + _BORDER) * side
            yield f'<rect x="{x_mm:g}" y="{y_mm:g}" width="{side:g}" height="{side:g}"/>'


def _circles(target: Target) -> Iterator[str]:
    for row in range(target.rows):
        for column in range(target.columns):
            x_mm, y_mm = (column + _BORDER) * target.pitch_mm, (row + _BORDER) * target.pitch_mm
            yield f'<circle cx="{x_mm:g}" cy="{y_mm:g}" r="{target.pitch_mm / 4:g}"/>'
