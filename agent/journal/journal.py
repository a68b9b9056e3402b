"""The record of every trigger: SQLite, one row each, written by one thread.

WAL with synchronous=NORMAL: safe against kill -9 of this process, not against a power cut (the newest rows
may then be missing; the file stays whole). The row is committed before its verdict goes on the wire.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.event import Event
from agent.identity import Identity
from agent.inspection import Reason, Trigger, Verdict
from agent.journal.backlog import Backlog
from agent.journal.damage import is_damage, mark_damaged
from agent.journal.file import open_journal
from agent.journal.history import to_event_message, to_message
from agent.journal.missed_triggers import missed_triggers
from agent.journal.rows import COMPLETE, COMPLETE_AT_ONCE, INSERT, completion, decision_row, utc_of
from agent.messages import EventMessage, ResultMessage
from agent.plc.decision import Closed, Decision

log = logging.getLogger(__name__)

LATE_S = 1.0
"""One late row is none; a row that waits so long is trouble."""
RETRY_S = 0.2
CLOSE_S = 5.0
INSERT_EVENT = "INSERT INTO events (agent_epoch, utc, kind, what, who, detail) VALUES (?, ?, ?, ?, ?, ?) RETURNING *"
Listener = Callable[[ResultMessage, Closed | None], None]
EventListener = Callable[[EventMessage], None]


class Journal:
    """Opens (or creates) the file at `path` and starts its writer thread.

    Raises ConfigError when the folder cannot be written. A damaged file is set aside under another name,
    never overwritten.
    """

    def __init__(self, path: Path, identity: Identity, wait_ms: float, required: bool) -> None:
        self.path, self.required = path, required
        self._identity, self._wait_s = identity, wait_ms / 1000
        self._listeners: list[Listener] = []
        self._event_listeners: list[EventListener] = []
        opened = open_journal(path)
        self._db, self.ids = opened.db, opened.ids
        self.found_damaged, self.checked = opened.trouble, opened.checked
        self.damage = ""
        """What has been found since: the next start will set the file aside."""
        self._open_rows: dict[tuple[int, int], int] = {}
        """message_id by trigger key."""
        self._queue = Backlog()
        self._complaint = ""
        self._close_rows_of_the_dead()
        self._last = self._newest_trigger()
        self._gap_is_last = False
        if self.found_damaged:
            self.record(Event("journal", "DAMAGED", self.found_damaged))
        self._thread = threading.Thread(target=self._write_forever, name="journal", daemon=True)
        self._thread.start()

    def on_completed(self, listener: Listener) -> None:
        """Call `listener`, in the writer thread, with every row completed from now on; it must not block."""
        self._listeners.append(listener)

    def on_event(self, listener: EventListener) -> None:
        """Call `listener`, in the writer thread, with every event from now on; it must not block."""
        self._event_listeners.append(listener)

    def record(self, event: Event) -> None:
        """Write down something beside the parts, without waiting for the disk."""
        utc = utc_of(time.time_ns())
        self._queue.put(lambda: self._record(event, utc))

    @property
    def rows_waiting(self) -> int:
        """What is yet to be written, now."""
        return self._queue.waiting

    @property
    def unrecorded(self) -> int:
        """Parts without a row, as memory had no room for more: the gap row that will stand for them says the same."""
        return self._queue.unrecorded

    def late_s(self) -> float:
        """How long the oldest of what waits has been waiting for the disk."""
        return self._queue.late_s()

    @property
    def complaint(self) -> str:
        """What the disk says to the oldest of what waits; "" = nothing."""
        return self._complaint

    def commit(self, decision: Decision) -> bool:
        """Record a decision; False when it was not on disk within the wait (it stays queued)."""
        done = threading.Lock()  # an Event costs three times as much
        done.acquire()
        if not self._take(decision, done.release):
            return False
        # behind a row that has waited that long already it would wait in vain, and the next parts with it
        on_disk = done.acquire(timeout=self._wait_s if self.late_s() < self._wait_s else 0.0)
        if not on_disk and not self.late_s() > LATE_S:
            log.warning("journal: row of part %d not on disk within its wait: queued", decision.trigger.part_id)
        return on_disk

    def enqueue(self, decision: Decision) -> None:
        """Record a decision without waiting for the disk."""
        self._take(decision, lambda: None)

    def complete(self, closed: Closed) -> None:
        """Add what became of the part, and hand the completed row to the listener.

        While many rows wait for the disk they go without their images, then without what was seen.
        """
        kept = self._queue.lightened(closed)
        if kept is not None:
            self._queue.put(lambda: self._complete(kept))

    def begin_epoch(self, plc_epoch: int, head: int) -> None:
        """The link has read the PLC's epoch and newest trigger: fill in what passed while no agent ran."""
        self._queue.put(lambda: self._fill_outage(plc_epoch, head))

    def run(self, work: Callable[[sqlite3.Connection], Any], within_s: float) -> bool:
        """Let the writer thread do `work`, in its turn; False when that was not done in time. It must be short."""
        done = threading.Event()

        def in_turn() -> None:
            work(self._db)
            done.set()

        self._queue.put(in_turn)
        return done.wait(within_s)

    def close(self) -> None:
        """Write what is queued, then close the file."""
        self._queue.put(None)
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.critical(
                "journal: %d rows are lost: the disk did not take them (%s)", self.rows_waiting, self.complaint
            )

    # --- the writer thread -------------------------------------------------------------------------------------

    def _take(self, decision: Decision, written: Callable[[], None]) -> bool:
        if not self._queue.takes(decision, self._write_gap):
            return False
        key, row = decision.trigger.key, decision_row(self._identity, decision)
        self._queue.put(lambda: self._insert(key, row, written))
        return True

    def _write_forever(self) -> None:
        while (work := self._queue.get()) is not None:
            self._do(work)
            self._queue.done()
        self._settle()
        self._db.close()

    def _do(self, work: Callable[[], None]) -> None:
        """A full or failing disk holds rows back, in order; it never loses one while there is room in memory.

        A damaged file is another matter: nothing more can be written there, and a clean start sets it aside.
        """
        while True:
            try:
                work()
                self._complaint = ""
                return
            except (sqlite3.OperationalError, OSError) as error:
                self._complaint = str(error)
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    mark_damaged(self.path, str(error))
                raise
            time.sleep(RETRY_S)

    def _insert(self, key: tuple[int, int], row: dict[str, Any], written: Callable[[], None]) -> None:
        self.ids.require("inspections")
        cursor = self._db.execute(INSERT, row)
        written()
        self._open_rows[key] = self.ids.given["inspections"] = int(cursor.lastrowid or 0)
        self._last = key
        self._gap_is_last = False

    def _complete(self, closed: Closed) -> None:
        trigger = closed.decision.trigger
        message_id = self._open_rows[trigger.key]
        self._db.execute(COMPLETE, completion(closed) | {"message_id": message_id})
        self._tell(message_id, closed)
        del self._open_rows[trigger.key]

    def _fill_outage(self, plc_epoch: int, head: int) -> None:
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

    def _write_gap(self) -> None:
        """Memory had no room for the rows of some parts."""
        unrecorded = self._queue.take_unrecorded()
        if unrecorded is not None:
            seq, epoch = unrecorded.last.seq, unrecorded.last.plc_epoch
            self._fill("gap", seq, epoch, Reason.JOURNAL, str(unrecorded))
            self._last = (epoch, seq)

    def _fill(self, kind: str, seq: int, plc_epoch: int, reason: Reason, detail: str) -> None:
        trigger = Trigger(seq, 0, plc_epoch, 0, 0, 0, 0)
        decision = Decision(trigger, Verdict.NO_DECISION, reason, time.monotonic_ns(), detail)
        self.ids.require("inspections")
        cursor = self._db.execute(COMPLETE_AT_ONCE, decision_row(self._identity, decision) | {"kind": kind})
        self.ids.given["inspections"] = int(cursor.lastrowid or 0)
        self._tell(self.ids.given["inspections"], None)

    def _tell(self, message_id: int, closed: Closed | None) -> None:
        row = self._db.execute("SELECT * FROM inspections WHERE message_id = ?", (message_id,)).fetchone()
        message = to_message(row, self._identity.line, self._identity.station)
        for listener in self._listeners:
            listener(message, closed)

    def _record(self, event: Event, utc: str) -> None:
        self.ids.require("events")
        values = (self._identity.agent_epoch, utc, event.kind, event.what, event.who, event.detail)
        (row,) = self._db.execute(INSERT_EVENT, values).fetchall()
        self.ids.given["events"] = row["event_id"]
        for listener in self._event_listeners:
            listener(to_event_message(row, self._identity.line, self._identity.station))

    def _newest_trigger(self) -> tuple[int, int] | None:
        row = self._db.execute(
            "SELECT plc_epoch, trigger_seq FROM inspections ORDER BY message_id DESC LIMIT 1"
        ).fetchone()
        return (row["plc_epoch"], row["trigger_seq"]) if row else None

    def _close_rows_of_the_dead(self) -> None:
        """A process that died left rows whose end it never saw: what the PLC did stays unknown."""
        self._db.execute("UPDATE inspections SET completed = 1 WHERE completed = 0")

    def _settle(self) -> None:
        """What is on the disk for good needs no ids in hand; where it is not, the next start leaves a gap in them."""
        try:
            _, frames, written = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if frames == written:
                self.ids.settle()
        except (sqlite3.Error, OSError) as error:
            log.warning("journal: not all of it is on the disk for good: %s", error)
