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
from queue import SimpleQueue
from typing import Any

from agent.inspection import Reason, Trigger, Verdict
from agent.journal.event import Event
from agent.journal.file import open_writer, to_event_message, to_message
from agent.journal.outage import missed_triggers
from agent.journal.rows import COMPLETE, INSERT, Identity, completion, decision_row, utc_of, without_images
from agent.plc.decision import Closed, Decision
from agent.results.messages import EventMessage, ResultMessage

log = logging.getLogger(__name__)

RETRY_S = 0.2
IMAGES_WAITING = 64
"""So many entries may wait for the disk with the images of their parts."""
Listener = Callable[[ResultMessage, Closed | None], None]
EventListener = Callable[[EventMessage], None]


class Journal:
    """Opens (or creates) the file at `path` and starts its writer thread.

    Raises ConfigError when the folder cannot be written. A damaged file is set aside under another name,
    never overwritten.
    """

    def __init__(self, path: Path, identity: Identity, wait_ms: float, required: bool) -> None:
        self.required = required
        self._identity, self._wait_s = identity, wait_ms / 1000
        self._listeners: list[Listener] = []
        self._event_listeners: list[EventListener] = []
        self._db = open_writer(path)
        self._open_rows: dict[tuple[int, int], int] = {}
        """message_id by trigger key."""
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._close_rows_of_the_dead()
        self._last = self._newest_trigger()
        self._gap_is_last = False
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
        return self._queue.qsize()

    def commit(self, decision: Decision) -> bool:
        """Record a decision; False when it was not on disk within the wait (it stays queued)."""
        done = threading.Event()
        key, row = decision.trigger.key, decision_row(self._identity, decision)
        self._queue.put(lambda: self._insert(key, row, done))
        on_disk = done.wait(self._wait_s)
        if not on_disk:
            log.warning("journal: row of part %d not on disk within its wait: queued", decision.trigger.part_id)
        return on_disk

    def enqueue(self, decision: Decision) -> None:
        """Record a decision without waiting for the disk."""
        key, row = decision.trigger.key, decision_row(self._identity, decision)
        self._queue.put(lambda: self._insert(key, row))

    def complete(self, closed: Closed) -> None:
        """Add what became of the part, and hand the completed row to the listener.

        While many rows wait for the disk they go without their images: rows are small, and none may be lost.
        """
        if self._queue.qsize() > IMAGES_WAITING:
            closed = without_images(closed)
        self._queue.put(lambda: self._complete(closed))

    def begin_epoch(self, plc_epoch: int, head: int) -> None:
        """The link has read the PLC's epoch and newest trigger: fill in what passed while no agent ran."""
        self._queue.put(lambda: self._fill_outage(plc_epoch, head))

    def close(self) -> None:
        """Write what is queued, then close the file."""
        self._queue.put(None)
        self._thread.join(timeout=5.0)

    # --- the writer thread -------------------------------------------------------------------------------------

    def _write_forever(self) -> None:
        while (work := self._queue.get()) is not None:
            self._do(work)
        self._db.close()

    def _do(self, work: Callable[[], None]) -> None:
        """A full or failing disk holds rows back, in order; it never loses one while the process lives."""
        complained = False
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if not complained:
                    log.error("journal: %s: rows wait in memory; free the disk", error)
                complained = True
                time.sleep(RETRY_S)

    def _insert(self, key: tuple[int, int], row: dict[str, Any], done: threading.Event | None = None) -> None:
        cursor = self._db.execute(INSERT, row)
        self._open_rows[key] = int(cursor.lastrowid or 0)
        self._last = key
        self._gap_is_last = False
        if done:
            done.set()

    def _complete(self, closed: Closed) -> None:
        trigger = closed.decision.trigger
        message_id = self._open_rows[trigger.key]
        self._db.execute(COMPLETE, completion(closed) | {"message_id": message_id})
        del self._open_rows[trigger.key]
        self._tell(message_id, closed)

    def _fill_outage(self, plc_epoch: int, head: int) -> None:
        """Same epoch: one row a missed trigger. New epoch (or a head that ran back): one gap row, number unknown."""
        if self._last is None:
            return
        missed = missed_triggers(self._db, self._last, plc_epoch, head)
        if missed is not None:
            for seq in missed:
                self._fill("inspection", Trigger(seq, 0, plc_epoch, 0, 0, 0, 0), "no agent was running")
        elif not self._gap_is_last:  # one row stands for all beginnings between which nothing was decided
            unseen = "a new epoch of PLC or link: parts may have passed unseen"
            self._fill("gap", Trigger(head, 0, plc_epoch, 0, 0, 0, 0), unseen)
            self._gap_is_last = True
        self._last = (plc_epoch, head)

    def _fill(self, kind: str, trigger: Trigger, detail: str) -> None:
        decision = Decision(trigger, Verdict.NO_DECISION, Reason.AGENT_DOWN, time.monotonic_ns(), detail)
        cursor = self._db.execute(INSERT, decision_row(self._identity, decision) | {"kind": kind})
        self._db.execute("UPDATE inspections SET completed = 1 WHERE message_id = ?", (cursor.lastrowid,))
        self._tell(int(cursor.lastrowid or 0), None)

    def _tell(self, message_id: int, closed: Closed | None) -> None:
        row = self._db.execute("SELECT * FROM inspections WHERE message_id = ?", (message_id,)).fetchone()
        message = to_message(row, self._identity.line, self._identity.station)
        for listener in self._listeners:
            listener(message, closed)

    def _record(self, event: Event, utc: str) -> None:
        row = self._db.execute(
            "INSERT INTO events (agent_epoch, utc, kind, what, who, detail) VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
            (self._identity.agent_epoch, utc, event.kind, event.what, event.who, event.detail),
        ).fetchone()
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
