"""Images of the archive, small enough to stand in a page, the defects outlined."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np

from agent.inspection import Image
from agent.pictures import decoded, jpeg
from agent.report.figures import Picture

SIDE_PX = 320
"""Of the longer side."""
QUALITY = 82
AROUND_PX = 9
"""The outline keeps off the defect by half of it."""
WHITE = (255, 255, 255)
"""Under the outline, so that it shows on dark photos."""


def thumbnail(picture: Picture, colours: dict[str, str]) -> str | None:
    """A JPEG as a data: address; None where the photo is gone or cannot be read. `colours`: #rrggbb by class."""
    photo = _read(picture.photo, cv2.IMREAD_COLOR)
    if photo is None:
        return None
    scale = SIDE_PX / max(photo.shape[:2])
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(photo, size, interpolation=how), np.uint8)
    mask = _read(picture.mask, cv2.IMREAD_GRAYSCALE) if picture.mask else None
    if mask is not None:
        for index, name in enumerate(picture.mask_classes):
            if index and name in colours:
                _outline(small, np.equal(mask, index), size, _bgr(colours[name]))
    data = jpeg(small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _outline(small: Image, inside: np.ndarray, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    shrunk = cv2.resize(inside.astype(np.uint8) * 255, size, interpolation=cv2.INTER_AREA) > 0
    around = cv2.dilate(shrunk.astype(np.uint8), np.ones((AROUND_PX, AROUND_PX), np.uint8))
    contours, _ = cv2.findContours(around, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(small, contours, -1, WHITE, 4, cv2.LINE_AA)
    cv2.drawContours(small, contours, -1, colour, 2, cv2.LINE_AA)


def _read(path: str, flags: int) -> Image | None:
    try:
        return decoded(Path(path).read_bytes(), flags)
    except OSError:
        return None


def _bgr(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return blue, green, red
