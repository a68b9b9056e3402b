"""The journal's file: how its writer opens it."""

from __future__ import annotations

import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.errors import ConfigError
from agent.journal import damage
from agent.journal.damage import find_damage, keep_broken_log, set_aside
from agent.journal.ids import Ids, ids_beside
from agent.journal.schema import bring_up_to_date, require_known
from agent.log.about import about
from agent.log.happening import Happening

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""So long a start waits for a file that another program has locked, or a disk that just fails."""
RETRY_S = 0.2
LOG_LIMIT_BYTES = 64_000_000
"""To this the log shrinks again, when it has grown beyond while somebody read for long."""
_PASSES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR)
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Opened:
    """The writer's connection, in autocommit, and what was found."""

    db: sqlite3.Connection
    ids: Ids
    trouble: str
    """What was damaged and where it is now; "" = nothing."""
    checked: bool
    """All of the file has been looked at."""


def open_journal(path: Path) -> Opened:
    """Open or create the file; a damaged one is set aside, never overwritten. Raises ConfigError.

    Rows that a process left open which died are closed: it never saw their end, and what the PLC did stays unknown.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        harm, checked = _patiently(lambda: find_damage(path, ids_beside(path).exists(), damage.CHECK_S))
        trouble = f"{harm}: set aside as {set_aside(path)}, a new one begins" if harm else ""
        new = not path.exists()
        db, broken_log = _patiently(lambda: _begin(path, new))
        ids = _patiently(lambda: Ids(ids_beside(path), db, new))
        if broken_log and not ids.power_was_cut:
            trouble = f"its log was damaged, kept as {broken_log}: the newest rows are missing"
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"journal {path}: {error}: make [station] state_dir a folder this user may write, with space on its disk"
        ) from error
    if trouble:
        log.error("journal %s: %s", path, trouble, extra=about(Happening.RECORD_TROUBLE))
    return Opened(db, ids, trouble, checked)


def open_writer(path: Path) -> sqlite3.Connection:
    """As `open_journal`, where nothing but the connection is wanted."""
    return open_journal(path).db


def _patiently(work: Callable[[], _Found]) -> _Found:
    """Again and again, while what is in the way may pass."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return work()
        except (OSError, sqlite3.Error) as error:
            if time.monotonic() >= end_s or not _may_pass(error):
                raise
        time.sleep(RETRY_S)


def _may_pass(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno == errno.EIO
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _PASSES


def _begin(path: Path, new: bool) -> tuple[sqlite3.Connection, str]:
    """The connection to a file that is up to date and has no open row, and where a broken log is kept."""
    db = _connect(path)
    broken_log = "" if new else keep_broken_log(path, _frames_read(db))
    bring_up_to_date(db, path)
    db.execute("UPDATE inspections SET completed = 1 WHERE completed = 0")
    return db, broken_log


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    db.row_factory = sqlite3.Row
    require_known(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("PRAGMA wal_autocheckpoint = 0")  # a commit never waits for the disk: the housekeeping does
    db.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}")
    return db


def _frames_read(db: sqlite3.Connection) -> int:
    """How many frames of the log SQLite found good."""
    return int(db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
