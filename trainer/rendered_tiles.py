"""A data set without any photo: procedural tiles, each under six exposures, in the layout images/, masks/, groups.csv.

For trying the whole pipeline, and for tests. What a model of it can do on real parts is another matter.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from agent.errors import ConfigError
from agent.inspection import Image
from agent.pictures import jpeg, png
from agent.procedural import DEFECT_CLASSES, render_any_size
from trainer.tiles import GOOD, IMAGES, MASKS
from trainer.told_groups import write_groups
from trainer.writing import writing

EXPOSURES = 6
DARKEST = 0.4
"""Of the brightest exposure."""
NOISE = 1.5
"""Standard deviation in grey levels, drawn anew for every exposure."""
QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 95)


def render_tiles(photos: int, classes: tuple[str, ...], raw: Path) -> None:
    """`photos` photos, the same every time: every other tile is good, the rest show the classes in turn."""
    if unknown := sorted(set(classes) - set(DEFECT_CLASSES)):
        raise ConfigError(
            f"procedural tiles show no {unknown[0]!r}, only {', '.join(DEFECT_CLASSES)}: change classes in params.yaml"
        )
    groups = {}
    with writing(raw, "writing procedural tiles"):
        for number in track(range(-(-photos // EXPOSURES)), "rendering"):
            rng = np.random.default_rng(number)
            label = GOOD if number % 2 == 0 else classes[number // 2 % len(classes)]
            photo, mask = render_any_size(rng, label)
            for exposure in range(1, min(EXPOSURES, photos - number * EXPOSURES) + 1):
                name = f"exp{exposure}_tile_{number:05}"
                path = raw / IMAGES / label / f"{name}.jpg"
                _write(path, jpeg(_exposed(rng, photo, exposure), QUALITY))
                if label != GOOD:
                    _write(raw / MASKS / label / f"{name}.png", png(np.where(mask > 0, 255, 0).astype(np.uint8)))
                groups[path] = f"tile {number}"
        write_groups(raw, groups)


def _exposed(rng: np.random.Generator, photo: Image, exposure: int) -> Image:
    """Exposure 1 is the brightest."""
    gain = 1 - (1 - DARKEST) * (exposure - 1) / (EXPOSURES - 1)
    return np.asarray(np.clip(photo * gain + rng.normal(0, NOISE, photo.shape), 0, 255), np.uint8)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
