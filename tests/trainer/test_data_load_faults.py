"""The data set comes whole or not at all: bad sources, a network that fails, kill -9, a full disk."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from agent.errors import ConfigError
from agent.procedural import DEFECT_CLASSES
from tests.conftest import ROOT
from tests.faults.small_disk import SmallDisk
from tests.trainer.file_server import FileServer
from tests.trainer.loading import load, picture, plain_folder, refused, set_source
from trainer import data_load
from trainer.data_load import UNFINISHED
from trainer.tiles import RAW, find_tiles

PATIENCE_S = 60
pytestmark = pytest.mark.usefixtures("project")


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
    """Or every further try would go on from it."""
    with FileServer(archive.read_bytes()) as server:
        server.declares = len(server.body) - 100
        refused(server.url, "not a whole zip file")
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
        server.body = archive.read_bytes()
        refused(server.url, r"while unpacking archive.zip", "archive.zip", "archive.json")
        refused(server.url, r"while unpacking archive.zip", "archive.zip", "archive.json")
        assert server.asked[-1] == f"bytes={len(server.body) - 1}-", "it had come whole"
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
