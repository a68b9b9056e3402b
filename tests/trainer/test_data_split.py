"""No physical tile on two sides, every class on every side as evenly as it can be, the same wherever it is run."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.procedural import DEFECT_CLASSES
from tests.trainer.small_archive import write_small_archive
from trainer.data_split import assign_folds, assign_sides, split
from trainer.dealing import deal
from trainer.params import load_params
from trainer.split_balance import balance, warnings
from trainer.split_table import GROUPED, LEAKY, SIDES, Row, read_split, write_split
from trainer.tiles import RAW, find_tiles
from trainer.unpack import unpack

ROOT = Path(__file__).parents[2]
PARAMS = load_params(ROOT / "params.yaml")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    unpack(write_small_archive(tmp_path / "small.zip"), tmp_path / "raw", 1 << 26)
    return tmp_path / "raw"


def test_no_tile_on_two_sides_and_every_class_on_each(raw: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split, {})
    assert len(rows) == 48
    assert len({row.group for row in rows}) == 24
    grouped = list(zip(rows, sides[GROUPED], strict=True))
    assert len({(row.group, side) for row, side in grouped}) == 24
    assert {(row.label, side) for row, side in grouped} == {
        (label, side) for label in ("free", *DEFECT_CLASSES) for side in SIDES
    }


def test_each_photo_is_tested_in_one_fold_and_no_tile_on_two_sides_of_any(raw: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split, {})
    folds = [sides[f"fold{i}"] for i in range(PARAMS.split.folds)]
    assert all(of_row.count("test") == of_row.count("validation") == 1 for of_row in zip(*folds, strict=True))
    for fold in folds:
        assert len({(row.group, side) for row, side in zip(rows, fold, strict=True)}) == 24


def test_the_leaky_split_tears_tiles_apart(raw: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split, {})
    assert len({(row.group, side) for row, side in zip(rows, sides[LEAKY], strict=True)}) > 24


def test_file_order_does_not_matter(raw: Path) -> None:
    tiles = find_tiles(raw, DEFECT_CLASSES)
    shuffled = random.Random(1).sample(tiles, len(tiles))
    assert split(tiles, DEFECT_CLASSES, PARAMS.split, {}) == split(shuffled, DEFECT_CLASSES, PARAMS.split, {})


@given(st.lists(st.tuples(st.sampled_from(["free", "crack", "break"]), st.integers(0, 30)), min_size=1, max_size=120))
def test_every_group_gets_one_side(parts: list[tuple[str, int]]) -> None:
    labels, groups = [label for label, _ in parts], [group for _, group in parts]
    sides = assign_sides(labels, groups, PARAMS.split)
    assert len(set(zip(groups, sides, strict=True))) == len(set(groups))
    assert set(sides) <= set(SIDES)


def test_folds_differ_by_no_more_than_one_group_of_each_class_and_one_of_a_mixed_kind() -> None:
    """Six photos a group. As rare as in the public archive: Fray has six groups, one of them mixed with good photos."""
    kinds = {"free": 137, "blowhole": 17, "fray": 5}
    labels = [label for label, count in kinds.items() for _ in range(6 * count)] + ["fray"] + ["free"] * 5
    groups = [index // 6 for index in range(len(labels))]
    of_group = deal(labels, groups, {str(fold): 0.2 for fold in range(5)}, seed=7)
    assert set(of_group) == set(groups)
    for label, most in (("free", 7), ("blowhole", 6), ("fray", 1)):
        counts = Counter(of_group[group] for its, group in zip(labels, groups, strict=True) if its == label)
        assert len(counts) == 5
        assert max(counts.values()) - min(counts.values()) <= most


def test_a_class_with_a_large_group_and_two_small_ones_is_on_every_side() -> None:
    labels, groups = ["crack"] * 12 + ["free"] * 30, [0] * 10 + [1, 2, *range(3, 33)]
    sides = assign_sides(labels, groups, PARAMS.split)
    assert {side for label, side in zip(labels, sides, strict=True) if label == "crack"} == set(SIDES)


def test_a_group_of_two_classes_counts_for_both() -> None:
    labels = ["crack"] + ["break"] * 4 + ["crack"] * 2 + ["break"] * 6
    groups = [0] * 5 + [1] * 2 + [2] * 3 + [3] * 3
    sides = deal(labels, groups, {"train": 0.5, "test": 0.5}, seed=7)
    assert sides[1] != sides[0] != sides[2] == sides[3]


def test_told_groups_are_kept_and_only_the_rest_is_compared(raw: Path) -> None:
    tiles = find_tiles(raw, DEFECT_CLASSES)
    cracks = [tile.path for tile in tiles if tile.label == "crack"]
    rows, sides = split(tiles, DEFECT_CLASSES, PARAMS.split, dict.fromkeys(cracks, "line1 part 7"))
    told = {row.group for row in rows if row.path in cracks}
    assert len(told) == 1
    assert len({row.group for row in rows}) == 21
    assert told.isdisjoint(row.group for row in rows if row.path not in cracks)
    assert all(
        len({side for row, side in zip(rows, its, strict=True) if row.label == "crack"}) == 1
        for its in list(sides.values())[:-1]
    )


def test_a_class_too_rare_and_a_group_too_large_are_warned_of() -> None:
    groups = [0, 0, 1, *range(2, 12)]
    rows = [Row(Path(f"{i}.jpg"), "crack" if i < 3 else "free", 0, group, 9) for i, group in enumerate(groups)]
    labels = [row.label for row in rows]
    split = PARAMS.split.model_copy(update={"test_share": 0.25})
    sides = {GROUPED: assign_sides(labels, groups, split), **assign_folds(labels, groups, split)}
    said = warnings(rows, sides, ("free", "crack", "fray"))
    assert len(said) == 2
    assert re.match(
        r"crack has 3 photos of 2 parts: none to validate with in grouped, fold\d.*; none to test with in fold", said[0]
    )
    assert said[1].startswith("fray has 0 photos of 0 parts: none to train on in grouped, fold0, fold1")
    assert balance(rows, sides, ("free", "crack", "fray")).row_count == 3 * len(sides)
    one = [Row(row.path, row.label, 0, 0, 9) for row in rows]
    assert any(
        re.match("13 of 13 photos are taken for one part, 0.jpg among them: if they are not, raise split.sim", line)
        for line in warnings(one, sides, ("free",))
    )


def test_another_process_with_other_hashes_splits_alike_and_prints_the_balance(raw: Path, tmp_path: Path) -> None:
    raw.rename(tmp_path / "there")
    (tmp_path / "data").mkdir()
    (tmp_path / "there").rename(tmp_path / RAW)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    stage = subprocess.run(
        [sys.executable, "-m", "trainer.data_split"], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1", "COLUMNS": "80"},
    )  # fmt: skip
    assert stage.returncode == 0, stage.stderr
    tiles = find_tiles(tmp_path / RAW, DEFECT_CLASSES)
    rows, sides = split(tiles, DEFECT_CLASSES, PARAMS.split, {})
    write_split([replace(row, path=row.path.relative_to(tmp_path)) for row in rows], sides, tmp_path / "here.csv")
    assert (tmp_path / "data/split.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    lines = stage.stdout.splitlines()
    assert any(line.split() == ["split", "side", "free", *DEFECT_CLASSES, "all"] for line in lines)
    assert sum(bool(re.search(r"(train|validation|test) +(\d+ / \d+ *){7}$", line)) for line in lines) == 3 * len(sides)
    assert any(line.startswith(" leaky: for comparison only") for line in lines)
    assert re.search(
        r"leaky, random by photo, is for comparison only: \d+ of its \d+ test photos have a sibling in", lines[-1]
    )
    assert re.search(r"^warning: crack has 8 photos of 4 parts: none to validate with in fold\d", stage.stderr, re.M)


def test_the_table_survives_writing_and_reading(raw: Path, tmp_path: Path) -> None:
    rows, sides = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split, {})
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
    rows, _ = split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split, {})
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
        split(find_tiles(raw, DEFECT_CLASSES), DEFECT_CLASSES, PARAMS.split, {})
