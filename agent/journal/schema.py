"""The journal's tables, as the steps by which they have grown: script n brings a file of version n to n + 1.

A new file takes all of them, so that new and grown files are the same. None is ever changed once it has shipped.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.errors import ConfigError

_VERSION_1 = """
CREATE TABLE inspections (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, plc_epoch INTEGER NOT NULL, agent_epoch INTEGER NOT NULL,
    trigger_seq INTEGER NOT NULL, part_id INTEGER NOT NULL,
    triggered_ns INTEGER NOT NULL, decided_ns INTEGER NOT NULL, decided_utc TEXT NOT NULL,
    verdict TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, evidence TEXT NOT NULL,
    bypass INTEGER NOT NULL,
    model_sha256 TEXT NOT NULL, recipe TEXT NOT NULL, recipe_sha256 TEXT NOT NULL,
    job INTEGER NOT NULL, simulated INTEGER NOT NULL,
    completed INTEGER NOT NULL DEFAULT 0, acknowledged_ns INTEGER, in_time INTEGER,
    plc_action TEXT NOT NULL DEFAULT 'unknown', late_verdict TEXT
);
CREATE INDEX incomplete ON inspections (message_id) WHERE completed = 0;
"""
_VERSION_2 = "ALTER TABLE inspections ADD COLUMN challenge INTEGER NOT NULL DEFAULT 0;"
_VERSION_3 = "ALTER TABLE inspections ADD COLUMN fail_open INTEGER NOT NULL DEFAULT 0;"
_VERSION_4 = """
ALTER TABLE inspections ADD COLUMN margin REAL;
ALTER TABLE inspections ADD COLUMN mean_grey REAL;
ALTER TABLE inspections ADD COLUMN sharpness REAL;
CREATE INDEX decided ON inspections (decided_utc);
CREATE TABLE events (
    event_id INTEGER PRIMARY KEY AUTOINCREMENT,
    agent_epoch INTEGER NOT NULL, utc TEXT NOT NULL,
    kind TEXT NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX happened ON events (utc);
"""
SCRIPTS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
SCHEMA_VERSION = len(SCRIPTS)


def require_known(connection: sqlite3.Connection, path: Path) -> int:
    """The file's version; ConfigError, and nothing touched, when a newer Linegate has written it."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > SCHEMA_VERSION:
        raise ConfigError(
            f"journal {path} has version {found}, this Linegate knows {SCHEMA_VERSION}: install the newer one again, "
            "or move the file away and a new one begins"
        )
    return found


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Run the scripts that this file lacks, each with its version in one transaction. Raises ConfigError."""
    found = require_known(connection, path)
    for version, script in enumerate(SCRIPTS[found:], start=found + 1):
        connection.executescript(f"BEGIN; {script} PRAGMA user_version = {version}; COMMIT;")
