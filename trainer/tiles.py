"""The photos of the data set, their masks and labels: MT_<Class>/Imgs/<name>.jpg with <name>.png beside it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.errors import ConfigError
from agent.inspection import Image

RAW = Path("data/raw")
GOOD = "free"
MASK_LEVEL = 128
"""Masks are anti-aliased; a pixel is defect from here up."""


@dataclass(frozen=True)
class Tile:
    """One photo: where it is, what it shows, which of the exposures 1..6 it is (0 = the name does not say)."""

    path: Path
    label: str
    exposure: int

    @property
    def mask_path(self) -> Path:
        return self.path.with_suffix(".png")


def find_tiles(root: Path, classes: tuple[str, ...]) -> list[Tile]:
    """All photos below `root`, sorted by path; ConfigError when there are none or a folder names no class."""
    paths = sorted(root.glob("MT_*/Imgs/*.jpg"))
    if not paths:
        raise ConfigError(f"{root} holds no MT_<Class>/Imgs/*.jpg: check data.url")
    return [_tile(path, classes) for path in paths]


def _tile(path: Path, classes: tuple[str, ...]) -> Tile:
    label = path.parts[-3].removeprefix("MT_").lower()
    if label not in (GOOD, *classes):
        raise ConfigError(f"{path.parent}: unknown class {label!r}: params.yaml classes knows {', '.join(classes)}")
    exposure = re.match(r"exp(\d+)_", path.name)
    return Tile(path, label, int(exposure[1]) if exposure else 0)


def read_photo(tile: Tile) -> Image:
    """The grey photo; ConfigError when it cannot be decoded."""
    image = cv2.imread(str(tile.path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ConfigError(f"{tile.path} cannot be read as an image: fetch the data again (dvc repro -f data_load)")
    return np.asarray(image, np.uint8)


def read_mask(tile: Tile, classes: tuple[str, ...]) -> Image:
    """Class indices: 0 good, i = classes[i - 1]. ValueError says what is wrong with the mask."""
    shape = read_photo(tile).shape
    if tile.label == GOOD:
        return np.zeros(shape, np.uint8)
    grey = cv2.imread(str(tile.mask_path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError("mask is missing or unreadable")
    if grey.shape != shape:
        raise ValueError(f"mask is {grey.shape[1]}×{grey.shape[0]} px, photo {shape[1]}×{shape[0]} px")
    return np.where(grey >= MASK_LEVEL, classes.index(tile.label) + 1, 0).astype(np.uint8)


def defect_pixels(tiles: list[Tile], classes: tuple[str, ...]) -> dict[Path, int]:
    """Defect pixels of every photo with a usable mask; the others are reported by name and left out."""
    pixels = {}
    for tile in tiles:
        try:
            pixels[tile.path] = int(np.count_nonzero(read_mask(tile, classes)))
        except ValueError as problem:
            print(f"left out: {tile.path}: {problem}", file=sys.stderr)
    return pixels
