"""The journal's writer: all that its one thread does. Nobody else writes to the file while it runs."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.event import Event
from agent.identity import Identity
from agent.inspection import Reason, Trigger, Verdict
from agent.journal.backlog import Backlog, Unrecorded
from agent.journal.damage import is_damage, mark_damaged
from agent.journal.file import open_journal
from agent.journal.history import to_event_message, to_message
from agent.journal.missed_triggers import missed_triggers
from agent.journal.rows import COMPLETE, COMPLETE_AT_ONCE, INSERT, completion, decision_row
from agent.messages import EventMessage, ResultMessage
from agent.plc.decision import Closed, Decision

log = logging.getLogger(__name__)

RETRY_S = 0.2
INSERT_EVENT = "INSERT INTO events (agent_epoch, utc, kind, what, who, detail) VALUES (?, ?, ?, ?, ?, ?) RETURNING *"
Listener = Callable[[ResultMessage, Closed | None], None]
EventListener = Callable[[EventMessage], None]


class Writer:
    """Opens (or creates) the file at `path`; what it tells its listeners is written. Raises as `open_journal`."""

    def __init__(self, path: Path, identity: Identity) -> None:
        self.listeners: list[Listener] = []
        self.event_listeners: list[EventListener] = []
        self.complaint = ""
        """What the disk says to what is being written; "" = nothing."""
        self._path, self._identity = path, identity
        opened = open_journal(path)
        self._db, self.ids = opened.db, opened.ids
        self.found_damaged, self.checked = opened.trouble, opened.checked
        self._open_rows: dict[tuple[int, int], int] = {}
        """message_id by trigger key."""
        self._last = self._newest_trigger()
        self._gap_is_last = False
        self._gap: Unrecorded | None = None
        """What the gap row that is being written stands for."""

    def serve(self, queue: Backlog) -> None:
        """Do what is in `queue` until its end, then close the file."""
        while (work := queue.get()) is not None:
            self._do(work)
            queue.done()
        self._settle()
        self._db.close()

    def _do(self, work: Callable[[], None]) -> None:
        """A full or failing disk holds rows back, in order; it never loses one while there is room in memory.

        A damaged file is another matter: nothing more can be written there, and a clean start sets it aside.
        """
        while True:
            try:
                work()
                self.complaint = ""
                return
            except (sqlite3.OperationalError, OSError) as error:
                self.complaint = str(error)
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    mark_damaged(self._path, str(error))
                raise
            time.sleep(RETRY_S)

    def insert(self, key: tuple[int, int], row: dict[str, Any], written: Callable[[], None]) -> None:
        """A decision's row; `written` is called as soon as it is there."""
        self.ids.require("inspections")
        cursor = self._db.execute(INSERT, row)
        written()
        self._open_rows[key] = self.ids.given["inspections"] = int(cursor.lastrowid or 0)
        self._last = key
        self._gap_is_last = False

    def complete(self, closed: Closed) -> None:
        """What became of the part."""
        trigger = closed.decision.trigger
        message_id = self._open_rows[trigger.key]
        (row,) = self._db.execute(COMPLETE, completion(closed) | {"message_id": message_id}).fetchall()
        self._tell(row, closed)
        del self._open_rows[trigger.key]

    def fill_outage(self, plc_epoch: int, head: int) -> None:
        """Same epoch: one row a missed trigger. New epoch (or a head that ran back): one gap row, number unknown."""
        if self._last is None:
            return
        missed = missed_triggers(self._db, self._last, plc_epoch, head)
        if missed is not None:
            for seq in missed:
                self._fill("inspection", seq, plc_epoch, Reason.AGENT_DOWN, "no agent was running")
        elif not self._gap_is_last:  # one row stands for all beginnings between which nothing was decided
            unseen = "a new epoch of PLC or link: parts may have passed unseen"
            self._fill("gap", head, plc_epoch, Reason.AGENT_DOWN, unseen)
            self._gap_is_last = True
        self._last = (plc_epoch, head)

    def write_gap(self, take_unrecorded: Callable[[], Unrecorded | None]) -> None:
        """Memory had no room for the rows of some parts; where the disk takes not even the gap's, it is tried again."""
        self._gap = self._gap or take_unrecorded()
        if self._gap is not None:
            seq, epoch = self._gap.last.seq, self._gap.last.plc_epoch
            self._fill("gap", seq, epoch, Reason.JOURNAL, str(self._gap))
            self._last, self._gap = (epoch, seq), None

    def record(self, event: Event, utc: str) -> None:
        """Something beside the parts, that happened at `utc`."""
        self.ids.require("events")
        values = (self._identity.agent_epoch, utc, event.kind, event.what, event.who, event.detail)
        (row,) = self._db.execute(INSERT_EVENT, values).fetchall()
        self.ids.given["events"] = row["event_id"]
        for listener in self.event_listeners:
            listener(to_event_message(row, self._identity.line, self._identity.station))

    def run(self, work: Callable[[sqlite3.Connection], Any]) -> None:
        """Anything else."""
        work(self._db)

    def _fill(self, kind: str, seq: int, plc_epoch: int, reason: Reason, detail: str) -> None:
        trigger = Trigger(seq, 0, plc_epoch, 0, 0, 0, 0)
        decision = Decision(trigger, Verdict.NO_DECISION, reason, time.monotonic_ns(), detail)
        self.ids.require("inspections")
        values = decision_row(self._identity, decision) | {"kind": kind}
        (row,) = self._db.execute(COMPLETE_AT_ONCE, values).fetchall()  # written and read at once: never tried again
        self.ids.given["inspections"] = row["message_id"]
        self._tell(row, None)

    def _tell(self, row: sqlite3.Row, closed: Closed | None) -> None:
        message = to_message(row, self._identity.line, self._identity.station)
        for listener in self.listeners:
            listener(message, closed)

    def _newest_trigger(self) -> tuple[int, int] | None:
        row = self._db.execute(
            "SELECT plc_epoch, trigger_seq FROM inspections ORDER BY message_id DESC LIMIT 1"
        ).fetchone()
        return (row["plc_epoch"], row["trigger_seq"]) if row else None

    def _settle(self) -> None:
        """What is on the disk for good needs no ids in hand; where it is not, the next start leaves a gap in them."""
        try:
            _, frames, written = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if frames == written:
                self.ids.settle()
        except (sqlite3.Error, OSError) as error:
            log.warning("journal: not all of it is on the disk for good: %s", error)
