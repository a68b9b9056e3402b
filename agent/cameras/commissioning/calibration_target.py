"""The target of `linegate calibrate`: what it looks like, and where a photo shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.calibration import Points, project
from agent.errors import UsageError
from agent.inspection import Image

Kind = Literal["checkerboard", "dots"]

_CORNER_FLAGS = cv2.CALIB_CB_LARGER | cv2.CALIB_CB_ACCURACY | cv2.CALIB_CB_EXHAUSTIVE
_GRID_FLAGS = cv2.CALIB_CB_SYMMETRIC_GRID
_SEED = (3, 3)
"""The board is searched from its smallest piece, so that what it truly has is known and not only what was asked for."""
_SHRUNK = 8
_BOARD_GREY = 230
_NEAR = 0.25
"""A dot so close (in pitches) to where the grid would go on belongs to it."""


@dataclass(frozen=True)
class Target:
    """A flat board. Points = inner corners of a checkerboard, or centres of dots in a square grid."""

    kind: Kind
    columns: int
    rows: int
    pitch_mm: float

    def __str__(self) -> str:
        board = "checkerboard" if self.kind == "checkerboard" else "grid"
        return f"{board} of {self.columns} × {self.rows} {self.points}, pitch {self.pitch_mm:g} mm"

    @property
    def points(self) -> str:
        """What is counted, in words."""
        return "inner corners" if self.kind == "checkerboard" else "dots"


@dataclass(frozen=True)
class Sighting:
    """Where one photo shows the target's points: camera pixels, and the same points on the target, both N × 2.

    Which corner of the target comes first depends on how it lies; x to y on the target turns as x to y in the image.
    """

    camera_px: Points
    target_mm: Points
    halves: NDArray[np.bool_]
    """N: every other point, as the black fields of a checkerboard lie."""

    def half(self, first: bool) -> Sighting:
        """Every other point: those where `halves` is `first`."""
        kept = self.halves == first
        return Sighting(self.camera_px[kept], self.target_mm[kept], self.halves[kept])


def find_target(photo: Image, target: Target) -> Sighting:
    """Every point of the target in a grey photo, uint8 HxW; UsageError when it is not all there."""
    found = _corners(photo, target) if target.kind == "checkerboard" else _dots(photo, target)
    if found is None:
        height, width = photo.shape
        raise UsageError(
            f"no {target} in the image of {width} × {height} px: all of it must be in view, flat, sharp, evenly lit "
            f"and with a white border of one pitch; count the {target.points}"
        )
    points, columns = found
    grid = np.column_stack([np.arange(len(points)) % columns, np.arange(len(points)) // columns])
    if _mirrored(points, columns):
        grid[:, 0] = columns - 1 - grid[:, 0]
    return Sighting(points, (grid * target.pitch_mm).astype(np.float64), grid.sum(axis=1) % 2 == 0)


def _corners(photo: Image, target: Target) -> tuple[Points, int] | None:
    found, corners, fields = cv2.findChessboardCornersSBWithMeta(photo, _SEED, _CORNER_FLAGS)
    if not found:
        return None
    rows, columns = fields.shape
    if sorted((rows, columns)) != sorted((target.rows, target.columns)):
        raise UsageError(
            f"the photo shows {max(rows, columns)} × {min(rows, columns)} inner corners, not {target.columns} × "
            f"{target.rows}: count where four fields meet, and see that all of the board is in view and evenly lit"
        )
    return np.asarray(corners, np.float64).reshape(-1, 2), columns


def _dots(photo: Image, target: Target) -> tuple[Points, int] | None:
    spots = _spots(photo.size, target)
    for dark in (photo, cv2.bitwise_not(photo)):  # dark dots, or bright ones (back light)
        seen = _evenly_lit(np.asarray(dark, np.uint8), target)
        for columns, rows in ((target.columns, target.rows), (target.rows, target.columns)):
            found, centres = cv2.findCirclesGrid(seen, (columns, rows), None, _GRID_FLAGS, spots)
            if found:
                points = np.asarray(centres, np.float64).reshape(-1, 2)
                _refuse_larger_grid(points, np.array([spot.pt for spot in spots.detect(seen)]), columns, rows)
                return points, columns
    return None


def _evenly_lit(photo: Image, target: Target) -> Image:
    """The photo over its background, so that one brightness tells a dot from the board in all corners."""
    width, height = photo.shape[1] // _SHRUNK, photo.shape[0] // _SHRUNK
    field = max(3, max(width, height) // max(target.columns, target.rows))
    small = cv2.resize(photo, (max(1, width), max(1, height)), interpolation=cv2.INTER_AREA)
    background = cv2.blur(cv2.dilate(small, np.ones((field, field), np.uint8)), (field, field))
    return np.asarray(cv2.divide(photo, cv2.resize(background, photo.shape[::-1]), scale=_BOARD_GREY), np.uint8)


def _spots(photo_px: int, target: Target) -> cv2.SimpleBlobDetector:
    """Finds dark, round spots of a size that so many dots can have."""
    wanted = cv2.SimpleBlobDetector.Params()
    wanted.minArea = 25
    wanted.maxArea = photo_px / (target.columns * target.rows)
    wanted.minDistBetweenBlobs = 5
    return cv2.SimpleBlobDetector.create(wanted)


def _refuse_larger_grid(points: Points, spots: Points, columns: int, rows: int) -> None:
    """A part of a larger grid fits as well, but says that somebody miscounted."""
    x, y = np.meshgrid(np.arange(-1, columns + 1), np.arange(-1, rows + 1))
    cells = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    inside = (cells >= 0).all(axis=1) & (cells < (columns, rows)).all(axis=1)
    there = np.asarray(cv2.findHomography(cells[inside], points)[0], np.float64)
    beyond = project(there, cells[~inside])
    pitch_px = np.linalg.norm(points[1] - points[0])
    gaps = np.linalg.norm(beyond[:, None] - spots[None], axis=2).min(axis=1)
    if (gaps < _NEAR * pitch_px).sum() >= min(columns, rows):
        raise UsageError(f"the photo shows more dots than {columns} × {rows}: count all columns and rows of the target")


def _mirrored(points: Points, columns: int) -> bool:
    along, down = points[columns - 1] - points[0], points[-columns] - points[0]
    return bool(along[0] * down[1] - along[1] * down[0] < 0)
