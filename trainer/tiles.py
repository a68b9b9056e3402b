"""The photos of the data set, their masks and labels, in one of two layouts or in both:

    MT_<Class>/Imgs/<name>.jpg    mask: MT_<Class>/Imgs/<name>.png    the public archive, and `linegate collect`
    images/<class>/<name>.<any>   mask: masks/<class>/<name>.png      any other product

<class> is one of `classes` in params.yaml, or `free` (also `good`): a good part, which needs no mask.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.errors import ConfigError
from agent.inspection import Image

RAW = Path("data/raw")
GOOD = "free"
GOOD_FOLDERS = (GOOD, "good")
IMAGES, MASKS = "images", "masks"
PHOTOS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
JPEG_TAIL_BYTES = 1024
"""Some cameras write a little after the end."""
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
        folder = self.path.parent
        if folder.parent.name == IMAGES:
            folder = folder.parents[1] / MASKS / folder.name
        return folder / f"{self.path.stem}.png"


def find_tiles(root: Path, classes: tuple[str, ...]) -> list[Tile]:
    """All photos below `root`, sorted by path.

    ConfigError: there are none, a folder names no class, or two photos have one mask.
    """
    tiles = [_tile(path, classes) for path in files_in(root) if _is_photo(path.relative_to(root))]
    if not tiles:
        layouts = f"neither MT_<Class>/Imgs/*.jpg nor {IMAGES}/<class>/*"
        raise ConfigError(f"{root} holds no photos, {layouts}: check data.url, and how the folder is laid out")
    of_mask: dict[Path, Path] = {}
    for tile in tiles:
        if (other := of_mask.setdefault(tile.mask_path, tile.path)) != tile.path:
            raise ConfigError(f"{other} and {tile.path} have one mask, {tile.mask_path.name}: rename one of them")
    return tiles


def files_in(root: Path) -> list[Path]:
    """Everything below `root` where a layout has its photos and masks, sorted by path."""
    found = (path for pattern in ("MT_*/Imgs/*", f"{IMAGES}/**/*", f"{MASKS}/**/*") for path in root.glob(pattern))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def _is_photo(path: Path) -> bool:
    """`path`: below the data set's folder."""
    if path.parts[0] == IMAGES:
        return len(path.parts) == 3 and path.suffix.lower() in PHOTOS
    return path.parts[0] != MASKS and path.suffix == ".jpg"


def strays(root: Path, tiles: list[Tile]) -> dict[Path, str]:
    """Files beside `tiles` that are neither photo nor mask of one, and what they are taken for."""
    known = {path for tile in tiles for path in (tile.path, tile.mask_path)}
    return {path: _as_stray(path.relative_to(root)) for path in files_in(root) if path not in known}


def _as_stray(path: Path) -> str:
    if path.parts[0] == IMAGES:
        return f"no photo as {IMAGES}/<class>/<name> with {' '.join(PHOTOS)}"
    return "mask without a photo" if path.suffix == ".png" else "neither photo nor mask"


def _tile(path: Path, classes: tuple[str, ...]) -> Tile:
    folder = path.parent if path.parent.parent.name == IMAGES else path.parents[1]
    name = folder.name.removeprefix("MT_").lower()
    labels = {**dict.fromkeys(GOOD_FOLDERS, GOOD), **{label.lower(): label for label in classes}}
    if name not in labels:
        raise ConfigError(
            f"{path.parent}: unknown class {name!r}: params.yaml classes knows {', '.join((*classes, GOOD))}"
        )
    exposure = re.match(r"exp(\d+)_", path.name)
    return Tile(path, labels[name], int(exposure[1]) if exposure else 0)


def read_photo(tile: Tile) -> Image:
    """The photo in grey, uint8; ConfigError when it cannot be decoded."""
    data = tile.path.read_bytes() if tile.path.is_file() else b""
    whole = data and not _cut_short(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH) if whole else None
    if image is None:
        raise ConfigError(
            f"{tile.path} cannot be read as an image, or not to its end: replace or remove it where it comes from, "
            "then run 'dvc repro -f data_load'"
        )
    if image.dtype != np.uint8:
        raise ConfigError(f"{tile.path} has {image.dtype} pixels: save it with 8 bits a channel")
    return np.asarray(image, np.uint8)


def _cut_short(data: bytes) -> bool:
    """A JPEG without its end marker, of which OpenCV would give the upper part and paint the rest grey."""
    return data.startswith(JPEG_START) and JPEG_END not in data.rstrip(b"\0")[-JPEG_TAIL_BYTES:]


def read_mask(tile: Tile, classes: tuple[str, ...]) -> Image:
    """Class indices: 0 good, i = classes[i - 1]. ValueError says what is wrong with the mask."""
    shape = read_photo(tile).shape
    if not tile.mask_path.exists():
        if tile.label != GOOD:
            raise ValueError("mask is missing")
        return np.zeros(shape, np.uint8)
    grey = cv2.imread(str(tile.mask_path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise ValueError("mask is unreadable")
    if grey.shape != shape:
        raise ValueError(f"mask is {grey.shape[1]}×{grey.shape[0]} px, photo {shape[1]}×{shape[0]} px")
    highest = int(grey.max())
    if 0 < highest < MASK_LEVEL:
        raise ValueError(f"mask has grey levels up to {highest} only: a defect is white (255)")
    if tile.label == GOOD:
        if highest:
            raise ValueError("mask shows a defect, the folder says that the part is good")
        return np.zeros(shape, np.uint8)
    return np.where(grey >= MASK_LEVEL, classes.index(tile.label) + 1, 0).astype(np.uint8)


def checked(tiles: Iterable[Tile], classes: tuple[str, ...]) -> tuple[dict[Path, int], dict[Path, str]]:
    """Of every photo with a usable mask the defect pixels; of every other one what is wrong with its mask."""
    pixels, wrong = {}, {}
    for tile in tiles:
        try:
            pixels[tile.path] = int(np.count_nonzero(read_mask(tile, classes)))
        except ValueError as problem:
            wrong[tile.path] = str(problem)
    return pixels, wrong


def defect_pixels(tiles: list[Tile], classes: tuple[str, ...]) -> dict[Path, int]:
    """Defect pixels of every photo with a usable mask; the others are reported by name and left out."""
    pixels, wrong = checked(tiles, classes)
    for path, problem in wrong.items():
        print(f"left out: {path}: {problem}", file=sys.stderr)
    return pixels
