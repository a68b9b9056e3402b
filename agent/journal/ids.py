"""Ids are never given twice, even where a power cut takes back rows that subscribers have seen already.

Beside the journal lies a file, synced to the disk, that says up to where ids may have been given; it is moved on in
large steps. After another boot of the computer, or with another journal than the last, ids go on beyond it: each start
writes a new mark into both, and a copy of the journal has none.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from pathlib import Path

from agent.lasting_file import write_lasting

AHEAD = 10_000
"""So many ids are reserved at once; half of them are kept in hand."""
TABLES = ("inspections", "events")
_SETTLED = ""
"""In the place of the boot: these ids are the last."""
NO_MARK = 0
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Ids:
    """Brings the tables of a just opened journal to their next free ids, and reserves some. Raises OSError."""

    def __init__(self, path: Path, db: sqlite3.Connection, new: bool) -> None:
        self._path, self._boot = path, boot_id()
        self._lock = threading.Lock()
        reserved = self._read()
        boot = reserved.get("boot", self._boot)
        self.power_was_cut = boot not in (self._boot, _SETTLED)
        self.given = {table: _newest(db, table) for table in TABLES}
        for table in TABLES:
            if new or boot != self._boot or reserved.get("mark", NO_MARK) != _mark(db):
                self.given[table] = max(self.given[table], int(reserved.get(table, 0)))
                _go_on_after(db, table, self.given[table])
        self._reserved = dict.fromkeys(TABLES, 0)
        self._mark = 1 + secrets.randbelow(2**31 - 1)
        self.keep_ahead()
        mark(db, self._mark)

    def require(self, table: str) -> None:
        """The table's next id must be reserved before it is given; waits for the disk only where nobody has before."""
        if self.given[table] >= self._reserved[table]:
            self.keep_ahead()

    def keep_ahead(self) -> None:
        """Reserve the next ids when less than half of them are left. Raises OSError."""
        with self._lock:
            if any(self._reserved[table] - self.given[table] < AHEAD // 2 for table in TABLES):
                reserved = {table: given + AHEAD for table, given in self.given.items()}
                self._write(reserved, self._boot)
                self._reserved = reserved

    def settle(self) -> None:
        """All rows are on the disk and no more will come: the next start goes on without a gap. Raises OSError."""
        with self._lock:
            self._write(self.given, _SETTLED)

    def _write(self, reserved: dict[str, int], boot: str) -> None:
        write_lasting(self._path, json.dumps(reserved | {"boot": boot, "mark": self._mark}) + "\n")

    def _read(self) -> dict[str, int | str]:
        """A file that is damaged says nothing: beyond any id that can have been given at less than 1000 parts/s."""
        if not self._path.exists():
            return {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            numbers = {name: int(found[name]) for name in TABLES} | {"mark": int(found.get("mark", NO_MARK))}
            return {"boot": str(found["boot"])} | numbers
        except (ValueError, KeyError, TypeError):
            return {"boot": "unknown"} | dict.fromkeys(TABLES, time.time_ns() // 1_000_000)


def ids_beside(journal: Path) -> Path:
    """The file that belongs to this journal."""
    return journal.with_name(f"{journal.name}.ids")


def boot_id() -> str:
    """Changes whenever the computer starts: until then no written row is lost, whatever becomes of the process."""
    return _BOOT.read_text(encoding="ascii").strip()


def mark(db: sqlite3.Connection, number: int) -> None:
    """Tell this file from its copies, which get NO_MARK."""
    db.execute(f"PRAGMA application_id = {number}")


def _mark(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA application_id").fetchone()[0])


def _newest(db: sqlite3.Connection, table: str) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return int(row[0]) if row else 0


def _go_on_after(db: sqlite3.Connection, table: str, given: int) -> None:
    if not db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (given, table)).rowcount:
        db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, given))
