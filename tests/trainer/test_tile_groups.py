"""Photos of one physical tile belong together, whatever their exposure, cut-out, name and order."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inspection import Image
from agent.procedural import render_tile
from trainer.params import load_params
from trainer.tile_groups import components, group_photos

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared/magnetic-tile/Magnetic-tile-defect-datasets.-master.zip"
NAME = re.compile(r"exp(?P<exposure>\d)_num_(?P<number>\d+)\.jpg$")
SPLIT = load_params(ROOT / "params.yaml").split
TILES = [render_tile(np.random.default_rng(seed), "free", 240, 300)[0] for seed in range(5)]


def grouped(photos: list[Image]) -> list[int]:
    return group_photos(photos, SPLIT.similarity, SPLIT.size_slack_px)


def exposed(tile: Image, gain: float) -> Image:
    return (tile * gain).astype(np.uint8)


def test_exposures_join_and_tiles_stay_apart() -> None:
    assert grouped([exposed(tile, gain) for gain in (1.0, 0.7, 0.45) for tile in TILES]) == [0, 1, 2, 3, 4] * 3


def test_a_tile_cut_out_elsewhere_joins_if_one_side_is_as_long() -> None:
    shifted = exposed(TILES[0][15:, 30:], 0.7)
    narrow = exposed(TILES[0][:, 40:240], 0.5)
    small = exposed(TILES[0][60:, 60:], 0.5)
    assert grouped([TILES[0], TILES[1], shifted, narrow, small]) == [0, 1, 0, 0, 2]


def test_a_photo_that_shows_nothing_joins_no_other() -> None:
    blank = np.zeros((240, 300), np.uint8)
    assert grouped([blank, TILES[0], blank, exposed(TILES[0], 0.5), TILES[1]]) == [0, 1, 2, 1, 3]
    assert grouped([]) == []
    assert grouped([np.full((3, 5), 9, np.uint8)]) == [0]


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=15))
def test_components_are_the_reachable_sets(count: int, edges: list[tuple[int, int]]) -> None:
    joined = np.eye(count, dtype=bool)
    for a, b in edges:
        if a < count and b < count:
            joined[a, b] = joined[b, a] = True
    reachable = np.linalg.matrix_power(joined.astype(float), count) > 0
    numbers = np.array(components(joined))
    assert ((numbers[:, None] == numbers[None]) == reachable).all()


@pytest.mark.skipif(not REAL.exists(), reason=f"the real archive is not at {REAL}")
def test_facts_of_the_real_archive() -> None:
    """The names tell exposure and running number; photos of one tile are numbered in a row, but other tiles are, too.

    The grouping knows of neither. Half of the archive, for time: every other ten thousand of the numbers.
    """
    photos, names = [], []
    with zipfile.ZipFile(REAL) as archive:
        for path in sorted(archive.namelist()):
            if (name := NAME.search(path)) and int(name["number"]) // 10_000 % 2:
                photos.append(cv2.imdecode(np.frombuffer(archive.read(path), np.uint8), cv2.IMREAD_GRAYSCALE))
                names.append((int(name["exposure"]), int(name["number"])))
    groups = defaultdict(list)
    for name, group in zip(names, grouped(photos), strict=True):
        groups[group].append(name)
    sixes = [its for its in groups.values() if len(its) == 6]
    assert len(names) == 541
    assert 88 <= len(groups) <= 94
    assert len(sixes) >= 85
    for its in sixes:
        exposures, numbers = zip(*its, strict=True)
        assert sorted(exposures) == [1, 2, 3, 4, 5, 6]
        assert max(numbers) - min(numbers) < 500
