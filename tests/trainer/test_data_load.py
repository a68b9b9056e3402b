"""The data set comes from wherever; what cannot be used of it is named, and what is wrong with it is one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.procedural import DEFECT_CLASSES
from tests.trainer.file_server import FileServer
from tests.trainer.loading import load, picture, plain_folder, refused
from trainer.tiles import RAW, find_tiles, read_mask, read_photo
from trainer.told_groups import told_groups

CRACK = DEFECT_CLASSES.index("crack") + 1
pytestmark = pytest.mark.usefixtures("project")


def test_the_public_archive_comes_from_a_server_a_url_or_a_path(archive: Path) -> None:
    with FileServer(archive.read_bytes()) as server:
        for url in (server.url, archive.as_uri(), os.path.relpath(archive)):
            record = load(url)
            assert record["images"] == dict.fromkeys(("free", *DEFECT_CLASSES), 8)
            assert (record["size_bytes"], record["left_out"]) == (archive.stat().st_size, {})
    assert len(find_tiles(RAW, DEFECT_CLASSES)) == 48


def test_a_folder_of_any_product_is_read(project: Path) -> None:
    record = load(plain_folder(project / "bottles"))
    assert record["images"] == {"crack": 6, "free": 3}
    assert {tile.label for tile in find_tiles(RAW, ("Crack",))} == {"Crack", "free"}
    for tile in find_tiles(RAW, DEFECT_CLASSES):
        assert read_photo(tile).shape == (20, 30)
        assert set(np.unique(read_mask(tile, DEFECT_CLASSES))) == ({0, CRACK} if tile.label == "crack" else {0})


def test_a_folder_in_the_archives_layout_goes_on_working(project: Path) -> None:
    picture(project / "old/MT_Crack/Imgs/exp3_num_1.jpg")
    picture(project / "old/MT_Crack/Imgs/exp3_num_1.png")
    picture(project / "old/MT_Free/Imgs/exp1_num_2.jpg")
    assert load("old")["images"] == {"crack": 1, "free": 1}
    assert {tile.exposure for tile in find_tiles(RAW, DEFECT_CLASSES)} == {1, 3}


def test_procedural_tiles_need_no_data_at_all() -> None:
    record = load("procedural:66")
    assert record["images"] == {"free": 36, "blowhole": 6, "break": 6, "crack": 6, "fray": 6, "uneven": 6}
    tiles = find_tiles(RAW, DEFECT_CLASSES)
    groups = told_groups(RAW, [tile.path for tile in tiles])
    assert sorted(groups) == [tile.path for tile in tiles]
    assert len(set(groups.values())) == 11
    first = [read_photo(tile).mean() for tile in tiles if groups[tile.path] == "tile 0"]
    assert first == sorted(first, reverse=True), "exposures 1 … 6, each darker than the one before"


def test_labelled_folders_of_both_layouts_join_the_base(archive: Path, project: Path) -> None:
    plain_folder(project / "data/labelled/bottles")
    picture(project / "data/labelled/week48/MT_Crack/Imgs/20261127_line1_cam1_7.jpg")
    picture(project / "data/labelled/week48/MT_Crack/Imgs/20261127_line1_cam1_7.png")
    record = load(archive)
    assert record["labelled"] == ["bottles", "week48"]
    assert (record["images"]["crack"], record["images"]["free"]) == (8 + 6 + 1, 8 + 3)


def test_tables_of_groups_end_up_in_one(project: Path) -> None:
    plain_folder(project / "base")
    (project / "base/groups.csv").write_text(
        "\ufefffile,group\nimages/crack/c0.jpg,bottle 1\nimages/good/g0.png,bottle 1\n", encoding="utf-8"
    )
    for name in ("a", "b"):
        picture(project / f"data/labelled/week48/MT_Free/Imgs/{name}.jpg")
    (project / "data/labelled/week48/manifest.csv").write_text(
        "file,line,message_id,part_id\nMT_Crack/Imgs/a.jpg,line1,70,7\nMT_Free/Imgs/b.jpg,line1,71,7\nMT_Free/Imgs/gone.jpg,line1,72,8\n"
    )
    record = load("base")
    groups = told_groups(RAW, [tile.path for tile in find_tiles(RAW, DEFECT_CLASSES)])
    assert {path.name: group for path, group in groups.items()} == {
        "c0.jpg": "bottle 1", "g0.png": "bottle 1", "a.jpg": "line1 part 7", "b.jpg": "line1 part 7"
    }  # fmt: skip
    assert record["told_groups"] == 4


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (
            "file,group\nimages/crack/nowhere.jpg,1\n",
            r"groups.csv, line 2: there is no photo 'images/crack/nowhere.jpg'",
        ),
        ("file,group\nimages/crack/c0.jpg\n", r"groups.csv, line 2: a value is missing"),
        (
            "file;group\nimages/crack/c0.jpg;1\n",
            r"groups.csv has no column 'file': its first line must name file,group",
        ),
        ("file,group\nimages/crack/\xe4.jpg,1\n", r"groups.csv: .*: save it as CSV in UTF-8"),
    ],
)
def test_a_table_of_groups_that_is_wrong_is_one_line(project: Path, table: str, reason: str) -> None:
    (plain_folder(project / "base") / "groups.csv").write_bytes(table.encode("latin-1"))
    refused("base", reason)


def test_what_cannot_be_used_is_named_counted_and_left_out(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    base = plain_folder(project / "base")
    (base / "masks/crack/c0.png").unlink()
    (base / "masks/crack/c1.png").write_bytes(b"no picture")
    picture(base / "masks/crack/c2.png", size=(10, 30))
    picture(base / "masks/crack/c3.png", spot=CRACK)
    picture(base / "masks/good/g1.png")
    picture(base / "masks/crack/lonely.png")
    picture(base / "masks/crack/c4.png", spot=0)
    (base / "images/crack/notes.txt").write_text("not a photo")
    record = load(base)
    assert record["images"] == {"crack": 2, "free": 2}
    assert record["empty_masks"] == {"crack": 1}
    assert record["left_out"] == {
        "images/crack/c0.jpg": "mask is missing",
        "images/crack/c1.JPEG": "mask is unreadable",
        "images/crack/c2.png": "mask is 30×10 px, photo 30×20 px",
        "images/crack/c3.bmp": f"mask has grey levels up to {CRACK} only: a defect is white (255)",
        "images/good/g1.png": "mask shows a defect, the folder says that the part is good",
        "images/crack/notes.txt": "no photo as images/<class>/<name> with .jpg .jpeg .png .bmp .tif .tiff",
        "masks/crack/lonely.png": "mask without a photo",
    }
    said = capfd.readouterr()
    assert all(f"left out: {name}: {why}" in said.err for name, why in record["left_out"].items())
    assert said.out.endswith(f"{base}: 4 photos: crack 2, free 2; 7 files left out\n")


def empty(_: Path) -> None:
    """Nothing is put there."""


def deep(folder: Path) -> None:
    """A wrong layout."""
    picture(folder / "2026/images/crack/a.jpg")


def unknown_class(folder: Path) -> None:
    plain_folder(folder)
    picture(folder / "images/dent/a.jpg")


def two_photos_of_one_mask(folder: Path) -> None:
    plain_folder(folder)
    picture(folder / "images/crack/c0.png")


def no_photo(folder: Path) -> None:
    (plain_folder(folder) / "images/good/g0.png").write_bytes(b"no picture")


def half_a_photo(folder: Path) -> None:
    photo = plain_folder(folder) / "images/free/g2.jpg"
    photo.write_bytes(photo.read_bytes()[:-20])


def sixteen_bits(folder: Path) -> None:
    cv2.imwrite(str(plain_folder(folder) / "images/good/g0.png"), np.zeros((20, 30), np.uint16))


@pytest.mark.parametrize("place", ["base", "data/labelled/week48"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (empty, r"{place} holds no photos, neither MT_<Class>/Imgs/\*.jpg nor images/<class>/\*"),
        (deep, r"{place} holds no photos"),
        (unknown_class, r"{place}/images/dent: unknown class 'dent': params.yaml classes knows blowhole, .*, free"),
        (two_photos_of_one_mask, r"crack/c0.jpg and .*crack/c0.png have one mask, c0.png: rename one"),
        (no_photo, r"images/good/g0.png cannot be read as an image"),
        (half_a_photo, r"images/free/g2.jpg cannot be read as an image, or not to its end"),
        (sixteen_bits, r"images/good/g0.png has uint16 pixels: save it with 8 bits"),
    ],
)
def test_a_folder_that_is_wrong_is_one_line(
    archive: Path, place: str, fault: Callable[[Path], None], reason: str
) -> None:
    Path(place).mkdir(parents=True)
    fault(Path(place))
    refused(place if place == "base" else archive, reason.format(place=place))
