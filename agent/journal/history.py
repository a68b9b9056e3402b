"""Reading the journal beside its writer: what a request asks for, and rows as they are published.

Rows are given up to the first that is still open, so that whoever goes on after the last one misses none.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.errors import ConfigError, in_words
from agent.inspection import Verdict
from agent.journal.damage import is_damage
from agent.journal.rows import BEFORE_OPEN
from agent.messages import DefectRecord, EventMessage, ReplayRequest, ResultMessage
from agent.utc import BEGINNING, END, utc_text

SELECT_BY_IDS = {
    "result": "SELECT * FROM inspections WHERE message_id IN (SELECT value FROM json_each(:ids)) ORDER BY message_id",
    "event": "SELECT * FROM events WHERE event_id IN (SELECT value FROM json_each(:ids)) ORDER BY event_id",
}
"""All columns of some rows, oldest first; `:ids` is a JSON array."""
LOOK = "`linegate journal check` tells whether it is whole"
DENIED = (
    "permission denied: run this as the station's user (as root: runuser -u linegate -- linegate …), "
    "or read a copy (--journal COPY)"
)
NO_ENTRY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


def open_reader(path: Path, wait_s: float = 5.0) -> sqlite3.Connection:
    """A read-only connection beside the writer's, which waits so long for a lock.

    Raises ConfigError when there is no journal at `path`, or none that this user may read.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", wait_s, uri=True)
        connection.row_factory = sqlite3.Row
        connection.execute("SELECT 1 FROM inspections LIMIT 1")
    except sqlite3.Error as error:
        require_there(path)
        raise ConfigError(f"journal {path}: {_in_words(path, error)}") from error
    return connection


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """As `open_reader`, for a command: what proves damaged while it reads is a ConfigError as well."""
    with closing(open_reader(path)) as journal:
        try:
            yield journal
        except (sqlite3.Error, Senseless) as error:
            raise ConfigError(f"journal {path}: {error}: {LOOK}") from error


class Senseless(Exception):
    """A row says what no station writes."""


def require_there(path: Path) -> None:
    """Raises ConfigError when no file is there, or one that this user may not read."""
    try:
        os.stat(path)
        denied = not os.access(path, os.R_OK)
    except PermissionError:
        denied = True
    except OSError as error:
        raise ConfigError(f"journal {path}: {in_words(error)}: give the journal of a station that has run") from error
    if denied:
        raise ConfigError(f"journal {path}: {DENIED}")
    if path.is_dir():
        raise ConfigError(f"journal {path}: is a directory: give the journal of a station that has run")


def _in_words(path: Path, error: sqlite3.Error) -> str:
    if is_damage(error):
        return f"{error}: {LOOK}"
    if path.is_file() and (getattr(error, "sqlite_errorcode", 0) & 0xFF) in NO_ENTRY:
        return DENIED  # of the folder: SQLite needs the station's -shm there, or has to make one
    return f"{error}: give the journal of a station that has run"


def requested_ids(connection: sqlite3.Connection, request: ReplayRequest) -> list[int]:
    """The ids of what `request` asks for, oldest first.

    Raises ValueError, in words for whoever asked, for a time that is none.
    """
    table, key, time, index, wanted = "inspections", "message_id", "decided_utc", "decided", BEFORE_OPEN
    if request.kind == "event":
        table, key, time, index, wanted = "events", "event_id", "utc", "happened", "TRUE"
    begin = _utc_of("from_utc", request.from_utc) if request.from_utc is not None else BEGINNING
    end = _utc_of("to_utc", request.to_utc) if request.to_utc is not None else END
    values = {"since": request.since, "limit": request.last or request.limit, "begin": begin, "end": end}
    wanted, order = f"{wanted} AND {key} > :since", "DESC" if request.last else "ASC"
    found = connection.execute(
        f"SELECT {key}, {time} FROM {table} WHERE {wanted} ORDER BY {key} {order} LIMIT :limit", values
    ).fetchall()
    if not all(begin <= row[1] < end for row in found):  # the index has times and ids: no row is touched
        found = connection.execute(
            f"SELECT {key} FROM {table} INDEXED BY {index} WHERE {time} >= :begin AND {time} < :end AND {wanted} "
            f"ORDER BY {key} {order} LIMIT :limit",
            values,
        ).fetchall()
    return sorted(row[0] for row in found)


def _utc_of(name: str, moment: str) -> str:
    """An ISO 8601 time as the journal writes it; what is finer than a millisecond is cut off. Raises ValueError."""
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise ValueError(f"{name} '{moment}' is no time: give ISO 8601, as 2026-03-01T06:00:00+01:00") from error
    if parsed.tzinfo is None:
        raise ValueError(f"{name} '{moment}' has no offset: give one, as 2026-03-01T06:00:00+01:00")
    try:
        return utc_text(parsed)
    except OverflowError as error:
        raise ValueError(f"{name} '{moment}' lies beyond the calendar in UTC: leave it out for all") from error


def extent(connection: sqlite3.Connection) -> tuple[int, int]:
    """First and last completed message_id, (0, 0) for an empty journal."""
    ends = [
        connection.execute(
            f"SELECT message_id FROM inspections WHERE completed = 1 ORDER BY message_id {order} LIMIT 1"
        ).fetchone()
        for order in ("ASC", "DESC")
    ]
    return (ends[0][0], ends[1][0]) if ends[0] and ends[1] else (0, 0)


def event_extent(connection: sqlite3.Connection) -> tuple[int, int]:
    """First and last event_id, (0, 0) when there is none."""
    row = connection.execute(
        "SELECT coalesce((SELECT min(event_id) FROM events), 0), coalesce((SELECT max(event_id) FROM events), 0)"
    ).fetchone()
    return int(row[0]), int(row[1])


def newest_ids(path: Path) -> tuple[int, int]:
    """Newest completed message_id and newest event_id of the journal at `path`. Raises as `open_reader`."""
    with closing(open_reader(path)) as reader:
        return extent(reader)[1], event_extent(reader)[1]


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
    """As WRITE_MS and TOTAL_MS."""
    if values["acknowledged_ns"] is None:
        return {}
    return {
        "write": (values["acknowledged_ns"] - values["decided_ns"]) // 1000 / 1000,
        "total": (values["acknowledged_ns"] - values["triggered_ns"]) // 1000 / 1000,
    }


def to_event_message(row: sqlite3.Row, line: str, station: str) -> EventMessage:
    """An event as it is published, live and in every replay."""
    return EventMessage(line=line, station=station, **dict(row))
