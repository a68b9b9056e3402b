"""A damaged journal is found, told of and set aside: never overwritten, and never opened again and again in vain."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from agent.log.about import about
from agent.log.happening import Happening

log = logging.getLogger(__name__)

CHECK_S = 1.0
"""So long may the start wait for the check: some 500 MB from memory. A larger file is checked after the start."""
PARTS = ("", "-wal", "-shm")
"""A SQLite file and what belongs to it."""


def is_damage(error: sqlite3.Error) -> bool:
    """Is it the file that is broken, and not the disk, a lock or a statement?"""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def mark_damaged(path: Path, why: str) -> None:
    """Let the next start set the file aside. Where not even this can be written, the next start is refused anyway."""
    log.error("journal %s is damaged: %s: the next start sets it aside", path, why,
              extra=about(Happening.RECORD_TROUBLE))  # fmt: skip
    try:
        _mark(path).write_text(f"{why}\n", encoding="utf-8")
    except OSError as error:
        log.error("journal %s: %s", _mark(path), error)


def find_damage(path: Path, given: bool, limit_s: float | None) -> tuple[str, bool]:
    """(what is wrong with the file, "" = nothing so far; was all of it looked at?). Changes nothing.

    `given`: ids have been given, so that there must be a file with rows. `limit_s`: as `check_whole`.
    """
    if _mark(path).exists():
        return _mark(path).read_text(encoding="utf-8", errors="replace").strip() or "marked as damaged", True
    if not path.exists():
        return ("the file is gone" if given or _beside(path, "-wal").exists() else ""), True
    if path.stat().st_size == 0:
        return ("the file is empty" if given or _beside(path, "-wal").exists() else ""), True
    try:
        # cut off while the file was made: SQLite must first undo that, and write
        mode = "rw" if _beside(path, "-journal").exists() else "ro"
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)) as reader:
            return check_whole(reader, limit_s)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return str(error), True


def check_whole(reader: sqlite3.Connection, limit_s: float | None = None) -> tuple[str, bool]:
    """(first thing wrong, "" = nothing; did the check come to its end?).

    It ends unfinished after `limit_s`, or when another thread interrupts `reader`. Raises as SQLite does.
    """
    timer = threading.Timer(limit_s, reader.interrupt) if limit_s is not None else None
    if timer:
        timer.start()
    try:
        found = str(reader.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return "", False
        raise
    finally:
        if timer:
            timer.cancel()
            timer.join()
    return ("" if found == "ok" else found.splitlines()[-1]), True


def set_aside(path: Path) -> str:
    """Rename the file, its log and its index; the new name. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
    for part in PARTS:
        if _beside(path, part).exists():
            _beside(path, part).rename(_beside(aside, part))
    _mark(path).unlink(missing_ok=True)
    return aside.name


def all_set_aside(path: Path) -> list[Path]:
    """What was kept of damaged files beside `path`, the oldest first."""
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def keep_broken_log(path: Path, frames: int) -> str:
    """A copy of the log under another name when it holds transactions behind the `frames` that SQLite could read.

    Returns its name, "" where nothing is lost. After a power cut that is no damage but what a power cut does.
    """
    wal = _beside(path, "-wal")
    if not wal.exists() or not _committed_behind(wal, frames):
        return ""
    copy = wal.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-wal")
    copy.write_bytes(wal.read_bytes())
    return copy.name


def _committed_behind(wal: Path, frames: int) -> bool:
    """Is there a transaction that was followed by another, so that its own writing had come to its end?

    Format: https://sqlite.org/fileformat2.html#walformat. Each frame is 24 bytes of header and a page; bytes 4 to 8
    are 0 unless it ends a transaction, 8 to 16 are the log's salts.
    """
    ended = False
    with wal.open("rb") as log_file:
        header = log_file.read(32)
        page_bytes, salts = int.from_bytes(header[8:12], "big"), header[16:24]
        log_file.seek(frames * (page_bytes + 24), 1)
        while len(frame := log_file.read(24)) == 24:
            if not _good_header(header):
                return True
            if frame[8:16] == salts and ended:
                return True
            ended = frame[8:16] == salts and frame[4:8] != bytes(4)
            log_file.seek(page_bytes, 1)
    return False


def _good_header(header: bytes) -> bool:
    order: Literal["big", "little"] = "big" if header[3] & 1 else "little"
    one = two = 0
    for at in range(0, 24, 8):
        one = (one + int.from_bytes(header[at : at + 4], order) + two) & 0xFFFFFFFF
        two = (two + int.from_bytes(header[at + 4 : at + 8], order) + one) & 0xFFFFFFFF
    return header[24:32] == one.to_bytes(4, "big") + two.to_bytes(4, "big")


def _beside(path: Path, part: str) -> Path:
    return path.with_name(path.name + part)


def _mark(path: Path) -> Path:
    return _beside(path, ".damaged")
