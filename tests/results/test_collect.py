"""Kept images go on to be labelled: what is picked, how it is laid out, and that the trainer reads it."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest

from agent.archive import command
from agent.archive.collect import COLUMNS, Collected, Wanted, collect
from agent.archive.kept_images import kept_images
from agent.archive.layout import Why
from agent.asked_time import asked_span, asked_time
from agent.errors import ConfigError, UsageError
from agent.inspection import Reason, Verdict
from tests.conftest import ROOT, Linegate
from tests.results.pictured import kept_at, photo, pictured, spots, unseen
from tests.trainer.small_archive import write_small_archive
from trainer.data_load import add_labelled
from trainer.data_split import split
from trainer.params import load_params
from trainer.sources import bring
from trainer.split_table import Row
from trainer.tiles import find_tiles, read_mask, read_photo

PARAMS = load_params(ROOT / "params.yaml")
STATION = ("line1", "cam1")
CRACK, UNEVEN = 3, 5


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A station's state_dir: one image of every kind."""
    folder = tmp_path_factory.mktemp("state")
    with kept_at(folder, pass_every=1) as kept:
        kept.keep(
            pictured(1, found=(CRACK,)),
            pictured(2, found=(CRACK, UNEVEN)),
            pictured(3, Verdict.PASS),
            pictured(4, Verdict.PASS, margin=0.01, image=photo(4, colour=True)),
            pictured(5, Verdict.NO_DECISION, found=(1,)),
            unseen(6),
            pictured(7, Verdict.REJECT, found=(), reason=Reason.CHALLENGE),
            pictured(8, Verdict.REJECT, found=(), reason=Reason.REJECT_ALL),
            pictured(9, found=(CRACK,), margin=0.02),
        )
    return folder


def picked(state: Path, out: Path, wanted: Wanted | None = None) -> Collected:
    return collect(state / "archive", STATION, wanted or Wanted(), out)


def ids(out: Path) -> set[int]:
    with (out / "manifest.csv").open(newline="") as source:
        return {int(row["message_id"]) for row in csv.DictReader(source)}


def test_each_image_lies_in_its_class_with_the_mask_beside_it(state: Path, tmp_path: Path) -> None:
    collected = picked(state, tmp_path / "picked")
    assert str(collected) == (
        "7 images: blowhole 1, crack 2, free 3, uneven 1; left out: "
        "1 challenge parts that were taken for good; 1 nobody judged them"
    )
    tiles = {int(tile.path.stem.rsplit("_", 1)[1]): tile for tile in find_tiles(tmp_path / "picked", PARAMS.classes)}
    assert {number: tile.label for number, tile in tiles.items()} == {
        1: "crack", 2: "uneven", 3: "free", 4: "free", 5: "blowhole", 8: "free", 9: "crack"
    }  # fmt: skip
    assert (read_mask(tiles[1], PARAMS.classes) == spots(CRACK)).all()
    assert ((read_mask(tiles[2], PARAMS.classes) == UNEVEN) == (spots(CRACK, UNEVEN) > 0)).all(), "no defect as good"
    assert not cv2.imread(str(tiles[3].mask_path)).any()
    assert np.abs(read_photo(tiles[1]).astype(int) - photo(1)).max() <= 3
    assert cv2.imread(str(tiles[4].path), cv2.IMREAD_UNCHANGED).shape == (40, 60, 3)
    assert {tile.exposure for tile in tiles.values()} == {0}, "comparable with all when parts are grouped"
    assert "dvc add" in (tmp_path / "picked" / "README.txt").read_text()


def test_the_manifest_says_where_each_photo_comes_from(state: Path, tmp_path: Path) -> None:
    picked(state, tmp_path / "picked", Wanted(message_ids=frozenset({2})))
    with (tmp_path / "picked" / "manifest.csv").open(newline="") as source:
        (row,) = csv.DictReader(source)
    assert set(row) == set(COLUMNS)
    assert (tmp_path / "picked" / row["file"]).is_file()
    told = (row["class"], row["other_classes"], row["verdict"], row["why"], row["model_sha256"], row["recipe"])
    assert told == ("uneven", "crack", "reject", "reject", "ab" * 32, "tile")
    assert row["peak_scores"] == '{"crack": 0.7}'


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(verdict="pass"), {3, 4}),
        (Wanted(name="crack"), {1, 2, 9}),
        (Wanted(why=Why.UNCERTAIN), {4, 9}),
        (Wanted(why=Why.SAMPLE), {3, 8}),
        (Wanted(verdict="reject", name="uneven"), {2}),
        (Wanted(limit=2), {8, 9}),
        (Wanted(message_ids=frozenset({1, 5, 99})), {1, 5}),
    ],
)
def test_what_is_picked(state: Path, tmp_path: Path, wanted: Wanted, expected: set[int]) -> None:
    picked(state, tmp_path / "picked", wanted)
    assert ids(tmp_path / "picked") == expected


def test_times_are_asked_for_as_people_do() -> None:
    now, berlin = datetime(2026, 11, 27, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    for text, expected in (
        ("7d", "2026-11-20T12:00"),
        ("90m", "2026-11-27T10:30"),
        ("2026-11-27", "2026-11-26T23:00"),
        ("2026-11-27T06:00", "2026-11-27T05:00"),
        ("2026-11-27T06:00+00:00", "2026-11-27T06:00"),
    ):
        assert asked_time("--since", text, now, berlin).isoformat(timespec="minutes") == expected + "+00:00"
    for text in ("yesterday", "999999d", "7 days", "-7d", "2026-13-01", ""):
        with pytest.raises(UsageError, match="--since"):
            asked_time("--since", text, now, berlin)
    with pytest.raises(UsageError, match="--since 1h is not before --until 2h: turn them round"):
        asked_span(("--since", "--until"), "1h", "2h", now, berlin)


def test_nothing_is_made_where_nothing_can_be(state: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for wanted, out, what in (
        (Wanted(), tmp_path / "there", "is there already: name a new folder"),
        (Wanted(name="dent"), tmp_path / "out", "no such class: the images in .* know "),
        (Wanted(message_ids=frozenset({999})), tmp_path / "out", "no image in .* meets that"),
        (Wanted(), tmp_path / "no" / "out", "there is no folder .*no: make it first"),
        (Wanted(message_ids=frozenset({6, 7})), tmp_path / "out", "nothing can be labelled"),
    ):
        with pytest.raises(UsageError, match=what):
            picked(state, out, wanted)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="there is no folder"):
        picked(state, tmp_path / "file" / "out")
    with pytest.raises(UsageError, match=r"there is no archive .* yet"):
        collect(tmp_path / "none", STATION, Wanted(), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]


def test_an_image_that_has_changed_on_disk_is_left_out(tmp_path: Path) -> None:
    with kept_at(tmp_path) as kept:
        kept.keep(pictured(1), pictured(2))
    (first, _) = kept_images(kept.folder)
    data = bytearray(first.photo.read_bytes())
    data[-20] ^= 1
    first.photo.write_bytes(data)
    assert str(picked(tmp_path, tmp_path / "picked")) == "1 images: crack 1; left out: 1 damaged"


def test_dvc_add_is_all_that_remains_and_the_trainer_reads_it(state: Path, tmp_path: Path, linegate: Linegate) -> None:
    """The whole way: the command, dvc, and the trainer's own code on the public archive's layout."""
    config = tmp_path / "station.toml"
    text = (ROOT / "config" / "demo.toml").read_text().replace('"../state/demo"', f'"{state}"')
    text = text.replace('"../models', f'"{ROOT}/models').replace('"recipes/', f'"{ROOT}/config/recipes/')
    config.write_text(text + "\n[archive]\n" * ("[archive]" not in text))
    (tmp_path / "data" / "labelled").mkdir(parents=True)
    (tmp_path / ".dvc").mkdir()  # what `dvc init --no-scm` makes
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    out = tmp_path / "data" / "labelled" / "picked"
    done = linegate("collect", config, "--since", "1d", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}: 7 images: ")
    dvc = Path(sys.executable).parent / "dvc"
    added = subprocess.run([dvc, "add", "-q", out], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert added.returncode == 0, added.stderr
    assert (out.parent / "picked.dvc").is_file()

    archive = write_small_archive(tmp_path / "small.zip", tiles_per_class=3)
    raw = tmp_path / "data" / "raw"
    bring(PARAMS.data.model_copy(update={"url": str(archive), "sha256": {}}), PARAMS.classes, raw, tmp_path)
    assert add_labelled(out.parent, PARAMS.classes, raw) == ["picked"]
    rows, _ = split(find_tiles(raw, PARAMS.classes), PARAMS.classes, PARAMS.split, {})
    ours = {number_of(row): row for row in rows if "line1_cam1" in row.path.name}
    assert set(ours) == {1, 2, 3, 4, 5, 8, 9}
    assert ours[1].defect_px == int((spots(CRACK) > 0).sum())
    assert all((row.defect_px == 0) == (row.label == "free") for row in ours.values())
    assert len(rows) == len(ours) + 6 * 3 * 2


def number_of(row: Row) -> int:
    return int(row.path.stem.rsplit("_", 1)[1])


def test_a_photo_in_two_labelled_folders_is_one_clear_line(state: Path, tmp_path: Path) -> None:
    (tmp_path / "labelled").mkdir()
    for name in ("first", "second"):
        picked(state, tmp_path / "labelled" / name, Wanted(message_ids=frozenset({1})))
    with pytest.raises(ConfigError, match=r"second/MT_Crack/.*another folder has a file of this name: keep one"):
        add_labelled(tmp_path / "labelled", PARAMS.classes, tmp_path / "raw")


@pytest.mark.parametrize(
    ("config", "since", "code", "what"),
    [("timer", "7d", 78, "no table [archive]"), ("line", "soon", 2, "--since soon: no time")],
)
def test_the_command_says_what_is_wrong_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: str, since: str, code: int, what: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.collect(ROOT / "config" / f"{config}.toml", tmp_path / "out", since)
    said = capsys.readouterr().err
    assert (ended.value.code, what in said, len(said.splitlines())) == (code, True, 1), said
