"""The journal's file: its table, how it is opened, and how its rows become messages."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from agent.inspection import Verdict
from agent.journal.schema import bring_up_to_date
from agent.results.messages import DefectRecord, EventMessage, ResultMessage

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


def to_message(row: sqlite3.Row, line: str, station: str) -> ResultMessage:
    """A completed row as it is published, live and in every replay."""
    values = dict(row)
    evidence = json.loads(values.pop("evidence"))
    del values["completed"]
    return ResultMessage(
        line=line,
        station=station,
        valid=values["verdict"] != Verdict.NO_DECISION.value,
        defects=[DefectRecord(**defect) for defect in evidence.get("defects", [])],
        peak_scores=evidence.get("peak_scores", {}),
        latencies_ms=evidence.get("latencies_ms", {}) | _acknowledge_ms(values),
        **values,
    )


def _acknowledge_ms(values: dict[str, Any]) -> dict[str, float]:
    """The stages that end at the PLC: verdict → write acknowledged, and the whole way from the photo-eye."""
    if values["acknowledged_ns"] is None:
        return {}
    return {
        "write": round((values["acknowledged_ns"] - values["decided_ns"]) / 1e6, 3),
        "total": round((values["acknowledged_ns"] - values["triggered_ns"]) / 1e6, 3),
    }


def to_event_message(row: sqlite3.Row, line: str, station: str) -> EventMessage:
    """An event as it is published, live and in every replay."""
    return EventMessage(line=line, station=station, **dict(row))


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection beside the writer's. Raises ConfigError when there is no journal at `path`."""
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        connection.row_factory = sqlite3.Row
        connection.execute("SELECT 1 FROM inspections LIMIT 1")
    except sqlite3.Error as error:
        raise ConfigError(f"journal {path}: {error}: give the journal of a station that has run") from error
    return connection


def rows_since(connection: sqlite3.Connection, message_id: int, limit: int) -> list[sqlite3.Row]:
    """Completed rows after `message_id`, oldest first, up to the first that is still open."""
    return connection.execute(
        "SELECT * FROM inspections WHERE message_id > ? AND message_id < "
        "(SELECT coalesce(min(message_id), 9223372036854775807) FROM inspections WHERE completed = 0) "
        "ORDER BY message_id LIMIT ?",
        (message_id, limit),
    ).fetchall()


def extent(connection: sqlite3.Connection) -> tuple[int, int]:
    """First and last completed message_id, (0, 0) for an empty journal."""
    row = connection.execute(
        "SELECT coalesce(min(message_id), 0), coalesce(max(message_id), 0) FROM inspections WHERE completed = 1"
    ).fetchone()
    return int(row[0]), int(row[1])
