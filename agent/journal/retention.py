"""What goes, when the record grows old or large; a batch at a time.

When it is large: events beyond their share, then evidence of good parts, then the oldest rows. When it is old, the
clock is not asked: a day counts when parts were recorded on it. However far a clock runs ahead, it makes one day, and
`keep_days` of them are always there. Pages that become free are used again; the file does not shrink.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

BATCH = 50
"""Rows that one turn of the writer may touch: about a millisecond."""
NEWEST = 1000
"""So many rows stay, whatever their age and size: a start looks there for the parts that it has missed."""
EVENT_SHARE = 0.02
"""Of `max_bytes`: so much of them events may have, whatever is in the rest …"""
EVENT_BYTES = 250
"""… at so much each."""
CUT_ROWS = 100_000
"""So many rows too old are enough for one look."""
_DAYS = """
WITH RECURSIVE days(day, left) AS (
    SELECT substr(max(decided_utc), 1, 10), :days FROM inspections
    UNION ALL
    SELECT (SELECT substr(max(decided_utc), 1, 10) FROM inspections WHERE decided_utc < day), left - 1
    FROM days WHERE day IS NOT NULL AND left > 0
)
SELECT day FROM days WHERE left = 0
"""
_STRIPPED = "{}"


@dataclass
class Retention:
    """What `[journal]` allows. Every method reads or writes through the connection it is given."""

    keep_days: int
    max_bytes: float
    _stripped_to: int = 0
    """Up to this message_id nothing is left to strip, as far as this process knows."""

    def last_too_old(self, db: sqlite3.Connection) -> int:
        """The rows up to this message_id are too old; 0 = none is.

        By their dates some rows may be in the wrong place, as the clock was wrong: the cut has the fewest of them.
        """
        row = db.execute(_DAYS, {"days": self.keep_days - 1}).fetchone()
        if not (row and row[0]):
            return 0
        (yet,) = db.execute("SELECT count(*) FROM inspections WHERE decided_utc < ?", row).fetchone()
        last = ahead = most = 0
        for message_id, old in db.execute(
            "SELECT message_id, decided_utc < ? FROM inspections ORDER BY message_id", row
        ):
            ahead, yet = (ahead + 1, yet - 1) if old else (ahead - 1, yet)
            if ahead > most:
                last, most = message_id, ahead
            if ahead + yet <= most or most == CUT_ROWS:
                break
        return last

    def prune(self, db: sqlite3.Connection, last_too_old: int) -> bool:
        """One batch, as the writer; False when there was nothing to do."""
        oldest, newest = _deletable(db)
        if self._delete(db, oldest, min(newest, last_too_old)):
            return True
        if used_bytes(db) <= self.max_bytes:
            return False
        return self._delete_events(db) or self._strip(db, newest) or self._delete(db, oldest, newest)

    def _delete(self, db: sqlite3.Connection, oldest: int, newest: int) -> bool:
        """The oldest rows between these; what happened before all that stay goes too."""
        found = "SELECT message_id FROM inspections WHERE message_id BETWEEN ? AND ? ORDER BY message_id LIMIT ?"
        if not db.execute(f"DELETE FROM inspections WHERE message_id IN ({found})", (oldest, newest, BATCH)).rowcount:
            return False
        db.execute(
            "DELETE FROM events WHERE event_id IN (SELECT event_id FROM events WHERE utc < "
            "(SELECT min(decided_utc) FROM inspections) ORDER BY utc LIMIT ?)",
            (BATCH,),
        )
        return True

    def _delete_events(self, db: sqlite3.Connection) -> bool:
        """The oldest beyond their share."""
        kept = max(NEWEST, int(self.max_bytes * EVENT_SHARE / EVENT_BYTES))
        old = "SELECT event_id FROM events WHERE event_id <= (SELECT max(event_id) FROM events) - ? ORDER BY event_id"
        return db.execute(f"DELETE FROM events WHERE event_id IN ({old} LIMIT ?)", (kept, BATCH)).rowcount > 0

    def _strip(self, db: sqlite3.Connection, newest: int) -> bool:
        """Written anew side by side: a row that only grows shorter leaves a hole that nothing is ever put into."""
        rows = db.execute(
            "SELECT * FROM inspections WHERE message_id > ? AND message_id <= ? ORDER BY message_id LIMIT ?",
            (self._stripped_to, newest, BATCH),
        ).fetchall()
        if not rows:
            return False
        self._stripped_to = rows[-1]["message_id"]
        if any(row["verdict"] == "pass" and row["evidence"] != _STRIPPED for row in rows):
            _rewrite(db, [dict(row) for row in rows])
        return True


def used_bytes(db: sqlite3.Connection) -> int:
    """What rows and indexes take of the file; the rest of it is free for new ones."""
    pages, free, page_bytes = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * page_bytes


def _deletable(db: sqlite3.Connection) -> tuple[int, int]:
    """First message_id, and the last one that may go: none that is open, or among the newest."""
    first, newest = db.execute(
        "SELECT coalesce((SELECT min(message_id) FROM inspections), 0),"
        "coalesce((SELECT message_id FROM inspections ORDER BY message_id DESC LIMIT 1 OFFSET ?), 0)",
        (NEWEST,),
    ).fetchone()
    still_open = db.execute("SELECT min(message_id) FROM inspections WHERE completed = 0").fetchone()[0]
    return int(first), int(min(newest, still_open - 1) if still_open else newest)


def _rewrite(db: sqlite3.Connection, rows: list[dict[str, object]]) -> None:
    columns = list(rows[0])
    for row in rows:
        if row["verdict"] == "pass":
            row["evidence"] = _STRIPPED
    db.execute("BEGIN IMMEDIATE")
    try:
        first, last = rows[0]["message_id"], rows[-1]["message_id"]
        db.execute("DELETE FROM inspections WHERE message_id BETWEEN ? AND ?", (first, last))
        names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
        db.executemany(f"INSERT INTO inspections ({names}) VALUES ({values})", rows)
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")
