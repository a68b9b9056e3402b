"""The journal's file: how its writer opens it."""

from __future__ import annotations

import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError
from agent.journal import damage
from agent.journal.damage import find_damage, keep_broken_log, set_aside
from agent.journal.ids import Ids, ids_beside
from agent.journal.schema import bring_up_to_date, require_known

log = logging.getLogger(__name__)


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
    """Open or create the file; a damaged one is set aside, never overwritten. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        harm, checked = find_damage(path, ids_beside(path).exists(), damage.CHECK_S)
        trouble = f"{harm}: set aside as {set_aside(path)}, a new one begins" if harm else ""
        new = not path.exists()
        db = _connect(path)
        broken_log = "" if new else keep_broken_log(path, _frames_read(db))
        bring_up_to_date(db, path)
        ids = Ids(ids_beside(path), db, new)
        if broken_log and not ids.power_was_cut:
            trouble = f"its log was damaged, kept as {broken_log}: the newest rows are missing"
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"journal {path}: {error}: make [station] state_dir a folder this user may write, with space on its disk"
        ) from error
    if trouble:
        log.error("journal %s: %s", path, trouble)
    return Opened(db, ids, trouble, checked)


def open_writer(path: Path) -> sqlite3.Connection:
    """As `open_journal`, where nothing but the connection is wanted."""
    return open_journal(path).db


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
    db.row_factory = sqlite3.Row
    require_known(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("PRAGMA wal_autocheckpoint = 0")  # a commit never waits for the disk: the housekeeping does
    return db


def _frames_read(db: sqlite3.Connection) -> int:
    """How many frames of the log SQLite found good."""
    return int(db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
