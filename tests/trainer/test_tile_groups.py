"""Photos of one physical tile belong together, whatever their exposure, name and order."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.procedural import render_tile
from trainer.params import load_params
from trainer.tile_groups import components, group_photos, photo
from trainer.tiles import find_tiles, read_photo

ROOT = Path(__file__).parents[2]
REAL = ROOT.parent / "shared/magnetic-tile/Magnetic-tile-defect-datasets.-master.zip"
SPLIT = load_params(ROOT / "params.yaml").split


def grouped(photos: list) -> list[int]:
    return group_photos(photos, SPLIT.similarity, SPLIT.size_slack_px)


def test_exposures_join_and_tiles_stay_apart() -> None:
    tiles = [render_tile(np.random.default_rng(seed), "free", 240, 300)[0] for seed in range(5)]
    photos = [photo((tile * gain).astype(np.uint8), i) for i, gain in enumerate((1.0, 0.7, 0.45), 1) for tile in tiles]
    assert grouped(photos) == [0, 1, 2, 3, 4] * 3


def test_one_exposure_or_another_size_is_another_tile() -> None:
    tile = render_tile(np.random.default_rng(1), "free", 240, 300)[0]
    assert grouped([photo(tile, 1), photo(tile, 1)]) == [0, 1]
    assert grouped([photo(tile, 1), photo(tile[:, :260], 2)]) == [0, 1]
    assert grouped([photo(tile, 0), photo(tile, 0)]) == [0, 0]


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
def test_facts_of_the_real_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(REAL) as archive:
        archive.extractall(tmp_path)
    tiles = find_tiles(next(tmp_path.iterdir()), load_params(ROOT / "params.yaml").classes)
    exposures = defaultdict(list)
    for tile, group in zip(tiles, grouped([photo(read_photo(tile), tile.exposure) for tile in tiles]), strict=True):
        exposures[group].append(tile.exposure)
    sixes = [sorted(each) for each in exposures.values() if len(each) == 6]
    assert 226 <= len(exposures) <= 278
    assert len(sixes) >= 110
    assert sum(each == [1, 2, 3, 4, 5, 6] for each in sixes) >= len(sixes) - 1
