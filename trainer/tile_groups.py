"""Which photos show the same physical tile? Found by image content, since no file name tells.

A tile is photographed under several exposures, and cut out anew each time. Brightness and shading differ, the texture
does not: photos are reduced, high-passed and evened in local contrast, what is alike along a whole row or column goes
(brush lines and edges look alike on all tiles), and the middle of one photo is looked for in the other. Pairs that are
alike above the threshold are joined; groups are the connected components. Names and exposures play no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from agent.inspection import Image

Field = NDArray[np.float32]

REDUCED_PX = 60
"""Median long side of the reduced photos: finer, small turns between two exposures tell; coarser, all look alike."""
HIGH_PASS_PX = 2.0
CONTRAST_PX = 6.0
BORDER_PX = 2
"""Cut off: the tile's edge looks alike on all tiles. This and the two above: of the reduced photo."""
MARGIN = 0.12
"""Of height and width, cut off on each side of the core: two cut-outs of one tile may be shifted by so much."""
BLANK = 1e-3
"""A texture with a lower standard deviation shows nothing that could be compared."""


@dataclass(frozen=True)
class Texture:
    """What grouping needs to know of a photo. `core` is the middle of `whole`; size in pixels of the photo."""

    whole: Field
    core: Field
    size_px: tuple[int, int]


def group_photos(photos: list[Image], similarity: float, size_slack_px: int) -> list[int]:
    """A group number per photo; numbers count up in the order of the photos. `similarity`: of a joined pair, 0..1."""
    if not photos:
        return []
    reduction = max(1.0, float(np.median([max(photo.shape) for photo in photos])) / REDUCED_PX)
    textures = [texture(photo, reduction) for photo in photos]
    joined = np.zeros((len(photos), len(photos)), bool)
    for i, j in track(np.argwhere(np.triu(comparable(textures, size_slack_px), 1)), "comparing photos"):
        joined[i, j] = likeness(textures[i], textures[j]) > similarity
    return components(joined)


def texture(photo: Image, reduction: float) -> Texture:
    """`reduction`: pixels of the photo per pixel of the texture."""
    least = 2 * BORDER_PX + 4
    height, width = (max(least, round(side / reduction)) for side in photo.shape)
    small = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    fine = small - cv2.GaussianBlur(small, (0, 0), HIGH_PASS_PX)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), CONTRAST_PX))
    whole = (fine / (contrast + 1))[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]
    whole = whole - whole.mean(axis=0, keepdims=True)
    whole = np.ascontiguousarray(whole - whole.mean(axis=1, keepdims=True), np.float32)
    above, left = (max(1, round(MARGIN * side)) for side in whole.shape)
    return Texture(whole, np.ascontiguousarray(whole[above:-above, left:-left]), (photo.shape[0], photo.shape[1]))


def comparable(textures: list[Texture], size_slack_px: int) -> NDArray[np.bool_]:
    """Pairs that agree in height or in width, since cut-outs of one tile do. Blank ones are like nothing."""
    size = np.array([each.size_px for each in textures])
    shows = np.array([each.core.std() > BLANK for each in textures])
    alike = np.abs(size[:, None] - size[None]).min(axis=-1) <= size_slack_px
    return np.asarray(alike & shows[:, None] & shows[None])


def likeness(one: Texture, other: Texture) -> float:
    """Highest normalised correlation of the core of one at any place in the other; 0 where none fits into the other."""
    for inner, outer in ((one.core, other.whole), (other.core, one.whole)):
        if inner.shape[0] <= outer.shape[0] and inner.shape[1] <= outer.shape[1]:
            return float(cv2.matchTemplate(outer, inner, cv2.TM_CCOEFF_NORMED).max())
    return 0.0


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
