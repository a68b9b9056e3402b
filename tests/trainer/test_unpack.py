"""A zip from the internet is hostile until proven otherwise."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from trainer.unpack import NotWhole, refuse_unsafe, unpack

LIMIT = 1 << 20


def archive(folder: Path, *names: str) -> Path:
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, "content")
    return path


def test_the_wrapping_folder_of_a_branch_disappears(tmp_path: Path) -> None:
    unpack(archive(tmp_path, "branch-1/MT_Free/Imgs/a.jpg", "branch-1/README"), tmp_path / "raw", LIMIT)
    assert (tmp_path / "raw/MT_Free/Imgs/a.jpg").read_text() == "content"


@pytest.mark.parametrize("wrapper", ["product 7/", ""])
def test_the_wrapping_of_any_program_disappears(tmp_path: Path, wrapper: str) -> None:
    unpack(archive(tmp_path, f"{wrapper}images/good/a.png", "__MACOSX/._a.png"), tmp_path / "raw", LIMIT)
    assert [path.relative_to(tmp_path / "raw") for path in (tmp_path / "raw").rglob("*.*")] == [
        Path("images/good/a.png")
    ]


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil", "C:/evil"])
def test_a_path_outside_the_folder_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="points outside"):
        unpack(archive(tmp_path, "good", name), tmp_path / "raw", LIMIT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.zip"]


@given(st.lists(st.sampled_from(["..", "a", "b", ".", "c.jpg"]), min_size=1, max_size=6))
def test_no_accepted_path_leaves_the_folder(parts: list[str]) -> None:
    entry = zipfile.ZipInfo("/".join(parts))
    inside = (Path("/target") / entry.filename).resolve().is_relative_to("/target")
    try:
        refuse_unsafe([entry], LIMIT, Path("x.zip"))
    except ConfigError:
        assert ".." in parts
    else:
        assert inside


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(ConfigError, match="symbolic link"):
        unpack(path, tmp_path / "raw", LIMIT)


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros", bytes(4 << 20))
    with pytest.raises(ConfigError, match=r"unpacks to 4 MB, data.max_unpacked_mb allows 1"):
        unpack(path, tmp_path / "raw", LIMIT)
    assert not (tmp_path / "raw").exists()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "not a zip": lambda _: b"<html>",
    "empty": lambda _: b"",
    "truncated": lambda content: content[:-30],
    "flipped byte": lambda content: content.replace(b"content", b"cOntent"),
    "encrypted": lambda content: content.replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x01\x00\x00\x00"),
    "unknown method": lambda content: content.replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x63\x00"),
    "no deflate": lambda content: content.replace(b"\x14\x00\x00\x00\x00\x00", b"\x14\x00\x00\x00\x08\x00").replace(
        b"content", b"gontent"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_line_and_leaves_nothing_behind(tmp_path: Path, damage: str) -> None:
    path = archive(tmp_path, "a/first", "a/second")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(NotWhole, match="not a whole zip file") as error:
        unpack(path, tmp_path / "raw", LIMIT)
    assert "\n" not in str(error.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["archive.zip"]
