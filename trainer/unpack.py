"""Unpack a zip that may be hostile: no path outside the target, no links, no bomb, all or nothing."""

from __future__ import annotations

import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from rich.progress import track

from agent.errors import ConfigError, first_line
from trainer.writing import writing

DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError)
"""What zipfile raises for bytes that are no zip, or a damaged, encrypted or exotic one."""
OF_A_MAC = "__MACOSX"


class NotWhole(ConfigError):
    """The zip itself is no good: another copy is needed."""


def unpack(archive: Path, target: Path, max_bytes: int) -> None:
    """Unpack into `target`, which must not exist; it appears complete or not at all."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with writing(target.parent, f"unpacking {archive.name}"), zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            refuse_unsafe(entries, max_bytes, archive)
            partial.mkdir(parents=True)
            for entry in track(entries, "unpacking"):
                opened.extract(entry, partial)
            _without_wrapper(partial).rename(target)
    except DAMAGE as error:
        raise NotWhole(f"{archive} is not a whole zip file ({first_line(error)}): check data.url") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def refuse_unsafe(entries: list[zipfile.ZipInfo], max_bytes: int, archive: Path) -> None:
    """ConfigError for the first entry that would leave the folder, is a link, or makes the whole too large."""
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in entry.filename:
            raise ConfigError(f"{archive}: entry {entry.filename!r} points outside the folder: do not trust this file")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ConfigError(f"{archive}: entry {entry.filename!r} is a symbolic link: do not trust this file")
    total = sum(entry.file_size for entry in entries)
    if total > max_bytes:
        raise ConfigError(
            f"{archive}: unpacks to {total >> 20} MB, data.max_unpacked_mb allows {max_bytes >> 20}: "
            "raise it if the archive is meant"
        )


def _without_wrapper(folder: Path) -> Path:
    """Archives often wrap all in one folder named after a branch or a product; that name is no part of the data."""
    shutil.rmtree(folder / OF_A_MAC, ignore_errors=True)
    entries = list(folder.iterdir())
    wrapped = len(entries) == 1 and entries[0].is_dir() and not entries[0].name.startswith(("MT_", "images"))
    return entries[0] if wrapped else folder
