"""The data set comes whole, from wherever, or not at all; what cannot be used is named."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from agent.errors import ConfigError
from agent.procedural import DEFECT_CLASSES
from tests.conftest import ROOT
from tests.faults.small_disk import SmallDisk
from tests.trainer.file_server import FileServer
from tests.trainer.small_archive import write_small_archive
from trainer import data_load
from trainer.tiles import RAW, find_tiles, read_mask, read_photo
from trainer.told_groups import told_groups

UNFINISHED = Path("data/.download")
PATIENCE_S = 60
CRACK = DEFECT_CLASSES.index("crack") + 1


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stage runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_archive(tmp_path_factory.mktemp("archive") / "small.zip")


def set_source(url: object) -> None:
    yaml = YAML(typ="safe")
    params = yaml.load((ROOT / "params.yaml").read_text())
    params["data"]["url"] = str(url)
    with Path("params.yaml").open("w") as sink:
        yaml.dump(params, sink)


def load(url: object) -> dict:
    """What the stage records."""
    set_source(url)
    data_load.main()
    assert not UNFINISHED.exists()
    record: dict = json.loads(Path("data/source.json").read_text())
    return record


def refused(url: object, reason: str) -> None:
    """One line, and nothing that a later stage could take for a data set."""
    set_source(url)
    with pytest.raises(ConfigError, match=reason) as error:
        data_load.main()
    assert "\n" not in str(error.value)
    left = {path.name for path in Path("data").iterdir() if path.name != "labelled"}
    left |= {path.name for path in UNFINISHED.iterdir()}
    assert left <= {UNFINISHED.name, "archive.zip", "archive.json"}


def picture(path: Path, spot: int = 255, channels: int = 1, size: tuple[int, int] = (20, 30)) -> Path:
    """Black, with a spot of 20 px."""
    image = np.zeros((*size, channels), np.uint8)
    image[5:9, 5:10] = spot
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
    return path


def plain_folder(folder: Path) -> Path:
    """Of any product: every kind of file, grey and colour, good parts with and without a mask."""
    for number, suffix in enumerate(("jpg", "JPEG", "png", "bmp", "tif", "tiff")):
        picture(folder / f"images/crack/c{number}.{suffix}", channels=1 if number % 2 else 3)
        picture(folder / f"masks/crack/c{number}.png")
    picture(folder / "images/good/g0.png")
    picture(folder / "images/good/g1.png")
    picture(folder / "masks/good/g1.png", spot=0)
    picture(folder / "images/free/g2.jpg")
    return folder


def test_the_public_archive_comes_from_a_server_a_url_or_a_path(archive: Path) -> None:
    with FileServer(archive.read_bytes()) as server:
        for url in (server.url, archive.as_uri(), os.path.relpath(archive)):
            record = load(url)
            assert record["images"] == dict.fromkeys(("free", *DEFECT_CLASSES), 8) | {}
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


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("no/such.zip", r"no/such.zip: No such file or directory: check data.url"),
        ("gopher://x/y", r"data.url 'gopher://x/y': give https://, http://, file://, a path or procedural:600"),
        ("procedural:many", r"data.url 'procedural:many': give the number of photos"),
        ("http://127.0.0.1:9/x", r"refused: check data.url and the network"),
    ],
)
def test_a_source_that_is_none_is_one_line(url: str, reason: str) -> None:
    refused(url, reason)


def test_a_photo_of_the_same_name_is_never_written_over(project: Path) -> None:
    plain_folder(project / "base")
    picture(project / "data/labelled/more/images/good/c0.png")
    refused("base", r"more/images/good/c0.png: another folder has a file of this name: keep one of them, or rename")


def test_a_wrong_checksum_or_a_zip_cut_short_by_its_length_is_not_kept(archive: Path) -> None:
    with FileServer(archive.read_bytes()) as server:
        server.declares = len(server.body) - 100
        refused(server.url, "not a whole zip file")
        assert not list(UNFINISHED.iterdir()), "the next try must not go on from it"
    yaml = YAML(typ="safe")
    params = yaml.load(Path("params.yaml").read_text())
    params["data"] |= {"url": str(archive), "sha256": {str(archive): "0000"}}
    with Path("params.yaml").open("w") as sink:
        yaml.dump(params, sink)
    with pytest.raises(ConfigError, match=r"sha256 is \w+, params.yaml data.sha256 says 0000"):
        data_load.main()


def test_a_data_set_that_is_there_outlives_a_failure(archive: Path) -> None:
    load(archive)
    set_source("no/such.zip")
    with pytest.raises(ConfigError):
        data_load.main()
    assert len(find_tiles(RAW, DEFECT_CLASSES)) == 48


def killed_once(until: Callable[[], bool]) -> None:
    """The stage as DVC runs it, killed -9 as soon as `until`."""
    command = [sys.executable, "-m", "trainer.data_load"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    stage = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert stage.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    stage.kill()
    stage.wait()


def test_kill_while_downloading_loses_nothing_that_has_come(archive: Path) -> None:
    part = UNFINISHED / "archive.zip"
    with FileServer(archive.read_bytes()) as server:
        half = len(server.body) // 2
        server.sends, server.hangs = half, True
        set_source(server.url)
        killed_once(lambda: part.exists() and part.stat().st_size > 0)
        assert not RAW.exists()
        server.sends, server.hangs = None, False
        assert load(server.url)["images"]["crack"] == 8
        assert server.asked[1].startswith("bytes=")


def test_kill_while_unpacking_leaves_no_half_of_a_data_set(tmp_path: Path) -> None:
    photo = picture(tmp_path / "photo.png").read_bytes()
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as filled:
        for number in range(1000):
            filled.writestr(f"images/good/{number}.png", photo)
    with FileServer(archive.read_bytes()) as server:
        set_source(server.url)
        killed_once(lambda: any(UNFINISHED.glob("raw*/images/good/*")))
        assert not RAW.exists()
        assert load(server.url)["images"] == {"free": 1000}
        assert server.asked == ["", f"bytes={len(server.body) - 1}-"], "it had come whole"


def test_a_full_disk_is_one_line_and_leaves_nothing(
    archive: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = plain_folder(project / "photos")
    (folder / "images/good/large.tif").write_bytes(os.urandom(1 << 20))
    with SmallDisk(project / "disk", 0.3) as disk, FileServer(os.urandom(1 << 20)) as server:
        monkeypatch.chdir(disk.path)
        refused(server.url, r"no space left on device while downloading")
        refused(archive, r"no space left on device while unpacking small.zip")
        refused(folder, r"no space left on device while copying .*photos")
        refused("procedural:60", r"no space left on device while writing procedural tiles")
        assert sum(path.stat().st_size for path in disk.path.rglob("*") if path.is_file()) < 1 << 17
        monkeypatch.chdir(project)


@contextmanager
def files_up_to(nbytes: int) -> Iterator[None]:
    """No file can grow beyond that: what a quota does, and needs no mount."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_quota_that_is_used_up_is_one_line_too(archive: Path) -> None:
    with FileServer(archive.read_bytes()) as server, files_up_to(archive.stat().st_size // 2):
        refused(server.url, r"archive.zip: file too large while downloading: mend that, run it again")
        assert not list(UNFINISHED.iterdir())
