"""A zip in the layout of the public archive, filled with procedural tiles: six exposures of each physical tile."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np

from agent.procedural import DEFECT_CLASSES, render_tile

WRAPPER = "Magnetic-tile-defect-datasets.-master"
SIDES_PX = (72, 96)


def write_small_archive(path: Path, tiles_per_class: int = 4, exposures: int = 2) -> Path:
    """`tiles_per_class` physical tiles of each class, each under `exposures` brightnesses."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{WRAPPER}/README.md", "a test")
        for kind in ("free", *DEFECT_CLASSES):
            for tile in range(tiles_per_class):
                _add_tile(archive, kind, tile, exposures)
    return path


def _add_tile(archive: zipfile.ZipFile, kind: str, tile: int, exposures: int) -> None:
    rng = np.random.default_rng((("free", *DEFECT_CLASSES).index(kind), tile))
    image, mask = render_tile(rng, kind, *SIDES_PX)
    for exposure in range(1, exposures + 1):
        stem = f"{WRAPPER}/MT_{kind.capitalize()}/Imgs/exp{exposure}_num_{100 * tile + exposure}"
        archive.writestr(f"{stem}.jpg", encoded(".jpg", (image * (1 - 0.1 * exposure)).astype(np.uint8)))
        archive.writestr(f"{stem}.png", encoded(".png", ((mask > 0) * 255).astype(np.uint8)))


def encoded(suffix: str, image: np.ndarray) -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()
