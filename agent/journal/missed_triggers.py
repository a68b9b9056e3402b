"""Which triggers passed while no agent ran, by what the journal holds and the PLC's newest trigger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from agent.plc.register_map import MAX_SEQ, next_seq, seq_distance

OUT_OF_ORDER = 512
"""No row is written later than so many rows after its neighbour."""


def missed_triggers(db: sqlite3.Connection, newest: tuple[int, int], plc_epoch: int, head: int) -> list[int] | None:
    """The sequence numbers without a row, up to `head`; None when nobody can know: another epoch, a head that ran back.

    `newest`: (plc_epoch, seq) of the newest row. Rows are written in the order of decisions, not of triggers: one
    may be missing behind the newest.
    """
    recorded = _recorded(db, plc_epoch)
    oldest = max(recorded, key=lambda seq: seq_distance(seq, head), default=0)
    if newest[0] != plc_epoch or seq_distance(oldest, head) > MAX_SEQ // 2:
        return None
    return [seq for seq in _after(oldest, head) if seq not in recorded]


def _recorded(db: sqlite3.Connection, plc_epoch: int) -> set[int]:
    """The epoch's newest triggers in the file; a gap row stands for all up to its own."""
    rows = db.execute(
        "SELECT kind, plc_epoch, trigger_seq FROM inspections ORDER BY message_id DESC LIMIT ?", (OUT_OF_ORDER,)
    ).fetchall()
    recorded = set()
    for row in rows:
        if row["plc_epoch"] == plc_epoch:
            recorded.add(int(row["trigger_seq"]))
        if row["kind"] == "gap":
            break
    return recorded


def _after(seq: int, head: int) -> Iterator[int]:
    """The sequence numbers after `seq`, up to `head`."""
    while seq != head and seq_distance(seq, head):
        seq = next_seq(seq)
        yield seq
