"""No physical tile on two sides, every class on every side, the same for any file order."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.procedural import DEFECT_CLASSES
from tests.trainer.small_archive import write_small_archive
from trainer.data_split import assign_sides, split
from trainer.params import load_params
from trainer.split_table import GROUPED, LEAKY, SIDES, read_split, write_split
from trainer.tiles import find_tiles
from trainer.unpack import unpack

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    unpack(write_small_archive(tmp_path / "small.zip"), tmp_path / "raw", 1 << 26)
    return tmp_path / "raw"


def test_no_tile_on_two_sides_and_every_class_on_each(raw: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split)
    assert len(rows) == 48
    assert len({row.group for row in rows}) == 24
    grouped = list(zip(rows, sides[GROUPED], strict=True))
    assert len({(row.group, side) for row, side in grouped}) == 24
    assert {(row.label, side) for row, side in grouped} == {
        (label, side) for label in ("free", *DEFECT_CLASSES) for side in SIDES
    }


def test_each_photo_is_tested_in_one_fold_and_no_tile_on_two_sides_of_any(raw: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split)
    folds = [sides[f"fold{i}"] for i in range(PARAMS.split.folds)]
    assert all(of_row.count("test") == of_row.count("validation") == 1 for of_row in zip(*folds, strict=True))
    for fold in folds:
        assert len({(row.group, side) for row, side in zip(rows, fold, strict=True)}) == 24


def test_the_leaky_split_tears_tiles_apart(raw: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split)
    assert len({(row.group, side) for row, side in zip(rows, sides[LEAKY], strict=True)}) > 24


def test_file_order_does_not_matter(raw: Path) -> None:
    tiles = find_tiles(raw, DEFECT_CLASSES)
    shuffled = random.Random(1).sample(tiles, len(tiles))
    assert split(tiles, DEFECT_CLASSES, PARAMS.split) == split(shuffled, DEFECT_CLASSES, PARAMS.split)


@given(st.lists(st.tuples(st.sampled_from(["free", "crack", "break"]), st.integers(0, 30)), min_size=1, max_size=120))
def test_every_group_gets_one_side(parts: list[tuple[str, int]]) -> None:
    labels, groups = [label for label, _ in parts], [group for _, group in parts]
    sides = assign_sides(labels, groups, PARAMS.split)
    assert set(sides) == set(groups)
    assert set(sides.values()) <= set(SIDES)


def test_the_table_survives_writing_and_reading(raw: Path, tmp_path: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split)
    write_split(rows, sides, tmp_path / "split.csv")
    for name, its in sides.items():
        for side in SIDES:
            here = [row for row, of_row in zip(rows, its, strict=True) if of_row == side]
            assert read_split(name, side, tmp_path / "split.csv") == here
    with pytest.raises(ConfigError, match=r"--split fold9: .* has only grouped, fold0, .* leaky"):
        read_split("fold9", "test", tmp_path / "split.csv")


def test_broken_masks_are_named_and_left_out(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, damaged, resized = sorted((raw / "MT_Crack/Imgs").glob("*.png"))[:3]
    missing.unlink()
    damaged.write_bytes(b"no picture")
    cv2.imwrite(str(resized), np.zeros((5, 7), np.uint8))
    rows, _ = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split)
    said = capsys.readouterr().err
    assert len(rows) == 45
    assert all(path.stem in said for path in (missing, damaged, resized))
    assert "mask is 7×5 px, photo 96×72 px" in said


def test_unknown_class_empty_folder_and_unreadable_photo_are_one_line(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown class 'uneven'"):
        find_tiles(raw, DEFECT_CLASSES[:-1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no photos"):
        find_tiles(tmp_path / "empty", DEFECT_CLASSES)
    next((raw / "MT_Free/Imgs").glob("*.jpg")).write_bytes(b"no picture")
    with pytest.raises(ConfigError, match="cannot be read as an image"):
        split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split)
