"""Procedural tiles: brushed grey surfaces under uneven light, with the five defect kinds and exact truth masks.

They stand in for real parts where there is no data (the simulated line) and widen the training set.
Modelled on the public magnetic-tile photos: vertical brush marks, bright streaks, dark corners, exposures
that differ by a factor of four.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.inspection import Image

Field = NDArray[np.float32]
Paint = Callable[[np.random.Generator, Field, Image, int], None]

DEFECT_CLASSES = ("blowhole", "break", "crack", "fray", "uneven")
KINDS = ("free", *DEFECT_CLASSES)
SIDES_PX = (160, 400)
"""Of a tile of any size, lowest and highest; the real ones are 103…620 px."""


def render_tile(rng: np.random.Generator, kind: str, height_px: int, width_px: int) -> tuple[Image, Image]:
    """One tile: uint8 HxW photo and uint8 HxW class mask (0 = good, i = DEFECT_CLASSES[i - 1]).

    Raises KeyError when `kind` is not one of KINDS.
    """
    surface = _brushed(rng, height_px, width_px)
    mask = np.zeros((height_px, width_px), np.uint8)
    if kind != "free":
        for _ in range(1 + int(rng.integers(0, 3) if kind in ("blowhole", "crack") else 0)):
            _PAINTERS[kind](rng, surface, mask, DEFECT_CLASSES.index(kind) + 1)
    return _expose(rng, surface), mask


def render_any_size(rng: np.random.Generator, kind: str) -> tuple[Image, Image]:
    """As `render_tile`, with sides drawn from SIDES_PX."""
    height_px, width_px = (int(side) for side in rng.integers(*SIDES_PX, size=2))
    return render_tile(rng, kind, height_px, width_px)


def render_belt(rng: np.random.Generator, height_px: int, width_px: int) -> Image:
    """The empty conveyor: dark woven rubber, uint8 HxW."""
    weave = rng.normal(0, 4, (height_px, width_px)).astype(np.float32)
    return np.clip(28 + cv2.GaussianBlur(weave, (0, 0), 0.8), 0, 255).astype(np.uint8)


def _brushed(rng: np.random.Generator, height_px: int, width_px: int) -> Field:
    """Reflectance around 1.0: brush marks down the columns, streaks, blotches, light falling off to a side."""
    columns = _noise(rng, (1, width_px), 0.05, 0.8) + _noise(rng, (1, width_px), 0.03, 3.0)
    marks = _noise(rng, (height_px, width_px), rng.uniform(0.02, 0.06), 0.7, along=12.0)
    grain = rng.normal(0, rng.uniform(0.01, 0.035), (height_px, width_px)).astype(np.float32)
    surface = 1.0 + columns + marks + grain + _blotches(rng, height_px, width_px)
    for _ in range(rng.integers(0, 6)):
        _streak(rng, surface)
    return np.asarray(surface * _light(rng, height_px, width_px), np.float32)


def _noise(
    rng: np.random.Generator, shape: tuple[int, int], amplitude: float, across: float, along: float = 0.0
) -> Field:
    """Gaussian noise smoothed across (x) and along (y) the brush direction, standard deviation = amplitude."""
    raw = rng.normal(0, 1, shape).astype(np.float32)
    smooth = cv2.GaussianBlur(raw, (0, 0), sigmaX=across, sigmaY=max(along, 0.01))
    return np.asarray(smooth * (amplitude / max(float(smooth.std()), 1e-6)), np.float32)


def _blotches(rng: np.random.Generator, height_px: int, width_px: int) -> Field:
    """Soft stains that good tiles have too, so that dark alone is no defect."""
    coarse = rng.normal(0, rng.uniform(0.01, 0.05), (5, 5)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width_px, height_px), interpolation=cv2.INTER_CUBIC), np.float32)


def _streak(rng: np.random.Generator, surface: Field) -> None:
    """A bright polishing line that runs down part of a column."""
    height, width = surface.shape
    x, top = int(rng.integers(0, width)), int(rng.integers(0, height // 2))
    bottom = int(rng.integers(height // 2, height))
    wide = int(rng.integers(1, 4))
    run = surface[top:bottom, x : x + wide]
    run += rng.uniform(0.1, 0.4) * rng.uniform(0.4, 1.0, run.shape).astype(np.float32)


def _light(rng: np.random.Generator, height_px: int, width_px: int) -> Field:
    """A lamp somewhere above: linear and quadratic fall-off."""
    y = np.linspace(-1, 1, height_px, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width_px, dtype=np.float32)[None, :]
    slope_x, slope_y = rng.uniform(-0.2, 0.2, 2)
    bend_x, bend_y = rng.uniform(0.0, 0.3, 2)
    return np.asarray(1.0 + slope_x * x + slope_y * y - bend_x * x * x - bend_y * y * y, np.float32)


def _expose(rng: np.random.Generator, surface: Field) -> Image:
    """One of many exposures: mean grey 60…190, clipped as a sensor clips."""
    grey = surface * rng.uniform(60, 190) / max(float(surface.mean()), 1e-6)
    return np.asarray(np.clip(grey, 0, 255), np.uint8)


def _shade(surface: Field, mask: Image, region: Image, factor: float, index: int, soft_px: float = 0.7) -> None:
    """Multiply the region by `factor` with soft edges and write its class into the truth mask."""
    weight = cv2.GaussianBlur(region.astype(np.float32), (0, 0), soft_px)
    surface *= 1.0 + (factor - 1.0) * weight
    mask[region > 0] = index


def _blowhole(rng: np.random.Generator, surface: Field, mask: Image, index: int) -> None:
    """A small dark pore, often drawn out along the brush direction."""
    height, width = surface.shape
    region = np.zeros(mask.shape, np.uint8)
    centre = int(rng.integers(8, width - 8)), int(rng.integers(10, height - 10))
    axes = int(rng.integers(2, 5)), int(rng.integers(3, 9))
    cv2.ellipse(region, centre, axes, float(rng.uniform(-40, 40)), 0, 360, 1, -1)
    _shade(surface, mask, region, rng.uniform(0.3, 0.65), index)


def _crack(rng: np.random.Generator, surface: Field, mask: Image, index: int) -> None:
    """A thin dark line that wanders, mostly along the brush marks, often from an edge inwards."""
    height, width = surface.shape
    steps = int(rng.integers(5, 14))
    heading = rng.uniform(-0.5, 0.5) + (np.pi / 2 if rng.random() < 0.75 else 0.0)
    turns = heading + np.cumsum(rng.normal(0, 0.25, steps))
    start = rng.uniform((0.1 * width, 0.0), (0.9 * width, 0.7 * height))
    path = start + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * rng.uniform(4, 9), axis=0)
    points = [np.round(path).astype(np.int32)]
    dark, region = np.zeros(mask.shape, np.uint8), np.zeros(mask.shape, np.uint8)
    wide = int(rng.integers(1, 3))
    cv2.polylines(dark, points, False, 1, wide)
    cv2.polylines(region, points, False, 1, wide + 2)
    _shade(surface, np.zeros_like(mask), dark, rng.uniform(0.25, 0.6), index, 0.6)
    mask[region > 0] = index


def _break(rng: np.random.Generator, surface: Field, mask: Image, index: int) -> None:
    """A chip at an edge or corner: a dark bite with a bright fracture rim."""
    region = _bite(rng, mask.shape, rng.uniform(10, 30))
    rim = cv2.dilate(region, np.ones((3, 3), np.uint8)) - cv2.erode(region, np.ones((3, 3), np.uint8))
    _shade(surface, mask, region, rng.uniform(0.3, 0.7), index)
    surface += 0.35 * rng.uniform(0.3, 1.0) * cv2.GaussianBlur(rim.astype(np.float32), (0, 0), 0.7)


def _fray(rng: np.random.Generator, surface: Field, mask: Image, index: int) -> None:
    """A broad torn patch: the brush marks are gone, the ground is dull and rough."""
    region = _bite(rng, mask.shape, rng.uniform(35, 75))
    weight = cv2.GaussianBlur(region.astype(np.float32), (0, 0), 1.0)
    rough = _noise(rng, mask.shape, rng.uniform(0.05, 0.12), 1.2, along=1.2)
    dull = float(surface.mean()) * rng.uniform(0.5, 0.8) + rough
    surface += weight * (dull - surface)
    mask[region > 0] = index


def _uneven(rng: np.random.Generator, surface: Field, mask: Image, index: int) -> None:
    """A large area ground to another depth: a step in brightness along a wavy border."""
    height, width = mask.shape
    x = np.linspace(-1, 1, width)[None, :]
    border = (
        rng.uniform(0.15, 0.45)
        + rng.uniform(-0.15, 0.15) * x
        + 0.03 * np.sin(rng.uniform(2, 6) * x + rng.uniform(0, 6))
    )
    region = (np.linspace(0, 1, height)[:, None] < border).astype(np.uint8)
    if rng.random() < 0.5:
        region = region[::-1].copy()
    factor = rng.uniform(0.68, 0.85) if rng.random() < 0.5 else rng.uniform(1.15, 1.35)
    _shade(surface, mask, region, factor, index, rng.uniform(1.0, 2.5))


def _bite(rng: np.random.Generator, shape: tuple[int, ...], radius_px: float) -> Image:
    """A ragged blob centred on a border of the tile, 1 inside."""
    height, width = shape
    along = rng.uniform(0.1, 0.9)
    sides = ((along * width, 0), (along * width, height - 1), (0, along * height), (width - 1, along * height))
    centre = np.array(sides[int(rng.integers(0, 4))])
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radii = radius_px * (1 + 0.25 * np.convolve(rng.normal(0, 1, 24), np.ones(3) / 3, mode="same"))
    outline = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    region = np.zeros(shape, np.uint8)
    cv2.fillPoly(region, [np.round(outline).astype(np.int32)], 1)
    return region


_PAINTERS: dict[str, Paint] = {
    "blowhole": _blowhole,
    "break": _break,
    "crack": _crack,
    "fray": _fray,
    "uneven": _uneven,
}
