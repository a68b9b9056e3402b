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
from agent.inspection import Verdict
from agent.journal.backlog import Backlog
from agent.journal.damage import mark_damaged
from agent.journal.rows import decision_row
from agent.journal.writer import EventListener, Listener, Writer
from agent.log.about import about
from agent.log.happening import Happening
from agent.plc.decision import Closed, Decision
from agent.utc import utc_now

log = logging.getLogger(__name__)

LATE_S = 1.0
"""One late row is none; a row that waits so long is trouble."""
CLOSE_S = 5.0


class Journal:
    """Opens (or creates) the file at `path` and starts its writer thread.

    Raises ConfigError when the folder cannot be written. A damaged file is set aside under another name,
    never overwritten.
    """

    def __init__(self, path: Path, identity: Identity, wait_ms: float, required: bool) -> None:
        self.path, self.required = path, required
        self._identity, self._wait_s = identity, wait_ms / 1000
        self._writer = writer = Writer(path, identity)
        self.ids, self.found_damaged, self.checked = writer.ids, writer.found_damaged, writer.checked
        self.damage = ""
        """What has been found since: the next start will set the file aside."""
        self.long_log = ""
        """Why the log of changes grows; "" = it does not."""
        self.kept_s = time.monotonic()
        """When housekeeping came round last."""
        self._queue = Backlog()
        if self.found_damaged:
            self.record(Event("journal", "DAMAGED", self.found_damaged))
        self._thread = threading.Thread(target=writer.serve, args=(self._queue,), name="journal", daemon=True)
        self._thread.start()

    def on_completed(self, listener: Listener) -> None:
        """Call `listener`, in the writer thread, with every row completed from now on; it must not block."""
        self._writer.listeners.append(listener)

    def on_event(self, listener: EventListener) -> None:
        """Call `listener`, in the writer thread, with every event from now on; it must not block."""
        self._writer.event_listeners.append(listener)

    def record(self, event: Event) -> None:
        """Write down something beside the parts, without waiting for the disk."""
        utc = utc_now()
        self._queue.put_event(lambda: self._record(event, utc))

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
        return self._writer.complaint

    def commit(self, decision: Decision) -> bool:
        """Record a decision; False when it was not on disk within the wait (it stays queued)."""
        done = threading.Lock()  # an Event costs three times as much
        done.acquire()
        without_row = Verdict.NO_DECISION if self.required else decision.verdict  # it is withdrawn
        if not self._take(decision, without_row, done.release):
            return False
        # behind a row that has waited that long already it would wait in vain, and the next parts with it
        on_disk = done.acquire(timeout=self._wait_s if self.late_s() < self._wait_s else 0.0)
        if not on_disk and not self.late_s() > LATE_S:
            trigger = decision.trigger
            log.warning("journal: row of part %d not on disk within its wait: queued", trigger.part_id,
                        extra=about(Happening.RECORD_TROUBLE, trigger))  # fmt: skip
        return on_disk

    def enqueue(self, decision: Decision) -> None:
        """Record a decision without waiting for the disk."""
        self._take(decision, decision.verdict, lambda: None)

    def complete(self, closed: Closed) -> None:
        """Add what became of the part, and hand the completed row to the listener.

        While many rows wait for the disk they go without their images, then without what was seen.
        """
        kept = self._queue.lightened(closed)
        if kept is not None:
            self._queue.put(lambda: self._writer.complete(kept))

    def begin_epoch(self, plc_epoch: int, head: int) -> None:
        """The link has read the PLC's epoch and newest trigger: fill in what passed while no agent ran."""
        self._queue.put(lambda: self._writer.fill_outage(plc_epoch, head))

    def run(self, work: Callable[[sqlite3.Connection], Any], within_s: float) -> bool:
        """Let the writer thread do `work`, in its turn; False when that was not done in time. It must be short."""
        done = threading.Event()

        def in_turn() -> None:
            self._writer.run(work)
            done.set()

        self._queue.put(in_turn)
        return done.wait(within_s)

    def found_damage(self, damage: str) -> None:
        """Somebody has read the file and found this. Parts go on: what can be read and written still is."""
        self.damage = damage
        mark_damaged(self.path, damage)
        self.record(Event("journal", "DAMAGED", f"{damage}: the next start sets the file aside"))

    def close(self, within_s: float = CLOSE_S) -> None:
        """Write what is queued, then close the file."""
        self._queue.put(None)
        self._thread.join(within_s)
        if self._thread.is_alive():
            log.critical("journal: %d rows are lost: the disk did not take them (%s)", self.rows_waiting,
                         self.complaint, extra=about(Happening.RECORD_TROUBLE))  # fmt: skip

    def _take(self, decision: Decision, without_row: Verdict, written: Callable[[], None]) -> bool:
        if not self._queue.takes(decision, without_row, self._write_gap):
            return False
        key, row = decision.trigger.key, decision_row(self._identity, decision)
        self._queue.put(lambda: self._writer.insert(key, row, written))
        return True

    def _write_gap(self) -> None:
        self._writer.write_gap(self._queue.take_unrecorded)

    def _record(self, event: Event, utc: str) -> None:
        self._writer.record(event, utc)
        if lost := self._queue.event_written():
            self.record(Event("journal", "EVENTS_LOST", f"{lost} events have no row: the disk took none for too long"))
