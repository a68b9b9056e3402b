"""Which photos show the same physical tile? Found by image content, since no file name tells.

A tile is photographed under several exposures. Brightness and shading differ, the brushed texture does not:
thumbnails are high-passed, evened in local contrast and correlated at small shifts. Pairs of similar size and
different exposure above the threshold are joined; groups are the connected components.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.inspection import Image

Field = NDArray[np.float32]

THUMBNAIL_PX = 64
HIGH_PASS_PX = 2.0
CONTRAST_PX = 6.0
BORDER_PX = 2
"""Cut off: the tile's edge looks alike on all tiles."""
SHIFT_PX = 1


@dataclass(frozen=True)
class Photo:
    """What grouping needs to know of a photo; exposure 0 = unknown, comparable with all."""

    thumbnail: Field
    height_px: int
    width_px: int
    exposure: int


def photo(image: Image, exposure: int) -> Photo:
    """Reduce a photo to its texture."""
    small = cv2.resize(image, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    texture = small - cv2.GaussianBlur(small, (0, 0), HIGH_PASS_PX)
    contrast = np.sqrt(cv2.GaussianBlur(texture * texture, (0, 0), CONTRAST_PX))
    inner = slice(BORDER_PX, -BORDER_PX)
    return Photo((texture / (contrast + 1))[inner, inner], image.shape[0], image.shape[1], exposure)


def group_photos(photos: list[Photo], similarity: float, size_slack_px: int) -> list[int]:
    """A group number per photo; numbers count up in the order of the photos."""
    joined = correlation(np.stack([each.thumbnail for each in photos])) > similarity
    return components(joined & comparable(photos, size_slack_px))


def comparable(photos: list[Photo], size_slack_px: int) -> NDArray[np.bool_]:
    """Pairs of about the same size; two photos of one exposure are two tiles."""
    size = np.array([(each.height_px, each.width_px) for each in photos])
    exposure = np.array([each.exposure for each in photos])
    alike = np.abs(size[:, None] - size[None]).max(axis=-1) <= size_slack_px
    return np.asarray(alike & ((exposure[:, None] != exposure[None]) | (exposure == 0)[:, None]))


def correlation(thumbnails: Field) -> Field:
    """Highest normalised correlation of every pair over shifts of ±SHIFT_PX."""
    size = thumbnails.shape[1] - 2 * SHIFT_PX
    centre = _unit(thumbnails[:, SHIFT_PX : SHIFT_PX + size, SHIFT_PX : SHIFT_PX + size])
    best = np.full((len(thumbnails), len(thumbnails)), -1, np.float32)
    for y, x in product(range(2 * SHIFT_PX + 1), repeat=2):
        np.maximum(best, centre @ _unit(thumbnails[:, y : y + size, x : x + size]).T, out=best)
    return np.maximum(best, best.T)


def _unit(thumbnails: Field) -> Field:
    flat = thumbnails.reshape(len(thumbnails), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(norm, 1e-9), np.float32)


def components(joined: NDArray[np.bool_]) -> list[int]:
    """Connected components by union-find, numbered by first appearance."""
    parent = list(range(len(joined)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for first, second in np.argwhere(np.triu(joined, 1)):
        parent[root(int(second))] = root(int(first))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(len(joined))]
