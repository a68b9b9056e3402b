"""The journal's file: how its writer opens it."""

from __future__ import annotations

import logging
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import ConfigError
from agent.journal.history import extent as extent
from agent.journal.history import open_reader as open_reader
from agent.journal.history import rows_since as rows_since
from agent.journal.history import to_event_message as to_event_message
from agent.journal.history import to_message as to_message
from agent.journal.schema import bring_up_to_date

log = logging.getLogger(__name__)


def open_writer(path: Path) -> sqlite3.Connection:
    """Open or create the file; a damaged one is set aside, never overwritten. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        damaged = path.exists() and not _whole(path)
        if damaged:
            aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
            path.rename(aside)
            log.error("journal %s is damaged: set aside as %s, a new one begins", path, aside.name)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1.0)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        bring_up_to_date(connection)
        if damaged:
            # ids are never reused: go on beyond any id the lost file can have given at less than 1000 parts/s
            beyond = time.time_ns() // 1_000_000
            first = [(table, beyond) for table in ("inspections", "events")]
            connection.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", first)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"journal {path}: {error}: make [station] state_dir a folder this user may write") from error
    return connection


def _whole(path: Path) -> bool:
    try:
        with sqlite3.connect(path) as connection:
            return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False
