"""Unpack a zip that may be hostile: no path outside the target, no links, no bomb, all or nothing."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

from agent.errors import ConfigError


def unpack(archive: Path, target: Path, max_bytes: int) -> None:
    """Unpack into `target`, which must not exist; it appears complete or not at all."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            refuse_unsafe(opened.infolist(), max_bytes, archive)
            opened.extractall(partial)
        _without_wrapper(partial).rename(target)
    except zipfile.BadZipFile as error:
        raise ConfigError(f"{archive} is not a whole zip file ({error}): check data.url") from error
    except OSError as error:
        raise ConfigError(f"{target.parent}: {error.strerror or error} while unpacking {archive.name}") from error
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
    """Public archives wrap all in one folder named after branch or version; that name is no part of the data."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() and not entries[0].name.startswith("MT_") else folder
