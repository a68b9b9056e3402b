"""The record of every trigger: SQLite, one row each, written by one thread.

WAL with synchronous=NORMAL: safe against kill -9 of this process, not against a power cut (the newest rows
may then be missing; the file stays whole). The row is committed before its verdict goes on the wire.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from agent.inspection import Reason, Trigger, Verdict
from agent.journal.file import open_writer, to_message
from agent.journal.outage import missed_triggers
from agent.plc.decision import Closed, Decision
from agent.results.messages import ResultMessage

log = logging.getLogger(__name__)

RETRY_S = 0.2
IMAGES_WAITING = 64
"""So many entries may wait for the disk with the images of their parts."""
_COLUMNS = (
    *("kind", "plc_epoch", "agent_epoch", "trigger_seq", "part_id", "triggered_ns", "decided_ns", "decided_utc"),
    *("verdict", "reason", "detail", "evidence", "bypass", "challenge", "fail_open"),
    *("model_sha256", "recipe", "recipe_sha256", "job", "simulated"),
)
_INSERT = f"INSERT INTO inspections ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + c for c in _COLUMNS)})"


@dataclass(frozen=True)
class Identity:
    """What every row says about the station that wrote it."""

    line: str
    station: str
    agent_epoch: int
    model_sha256: str
    recipes: Mapping[int, tuple[str, str]]
    """(name, sha256) by job number, the station's own first."""
    simulated: bool
    fail_open: bool = False


Listener = Callable[[ResultMessage, Closed | None], None]


class Journal:
    """Opens (or creates) the file at `path` and starts its writer thread.

    Raises ConfigError when the folder cannot be written. A damaged file is set aside under another name,
    never overwritten.
    """

    def __init__(self, path: Path, identity: Identity, wait_ms: float, required: bool) -> None:
        self.required = required
        self._identity, self._wait_s = identity, wait_ms / 1000
        self._listeners: list[Listener] = []
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

    def commit(self, decision: Decision) -> bool:
        """Record a decision; False when it was not on disk within the wait (it stays queued)."""
        done = threading.Event()
        key, row = decision.trigger.key, self._decision_row(decision)
        self._queue.put(lambda: self._insert(key, row, done))
        on_disk = done.wait(self._wait_s)
        if not on_disk:
            log.warning("journal: row of part %d not on disk within its wait: queued", decision.trigger.part_id)
        return on_disk

    def enqueue(self, decision: Decision) -> None:
        """Record a decision without waiting for the disk."""
        key, row = decision.trigger.key, self._decision_row(decision)
        self._queue.put(lambda: self._insert(key, row))

    def complete(self, closed: Closed) -> None:
        """Add what became of the part, and hand the completed row to the listener.

        While many rows wait for the disk they go without their images: rows are small, and none may be lost.
        """
        if self._queue.qsize() > IMAGES_WAITING:
            closed = replace(closed, decision=replace(closed.decision, evidence=None))
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
        cursor = self._db.execute(_INSERT, row)
        self._open_rows[key] = int(cursor.lastrowid or 0)
        self._last = key
        self._gap_is_last = False
        if done:
            done.set()

    def _complete(self, closed: Closed) -> None:
        trigger = closed.decision.trigger
        message_id = self._open_rows[trigger.key]
        self._db.execute(
            "UPDATE inspections SET completed = 1, verdict = ?, reason = ?, acknowledged_ns = ?, in_time = ?, "
            "plc_action = ?, late_verdict = ?, bypass = ? WHERE message_id = ?",
            (
                closed.verdict.value,
                closed.reason.name.lower(),
                closed.acknowledged_ns,
                closed.in_time,
                closed.plc_action.value,
                closed.late_verdict.value if closed.late_verdict else None,
                closed.bypass,
                message_id,
            ),
        )
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
        row = self._row(trigger, Verdict.NO_DECISION, Reason.AGENT_DOWN, detail, time.monotonic_ns())
        row["kind"] = kind
        cursor = self._db.execute(_INSERT, row)
        self._db.execute("UPDATE inspections SET completed = 1 WHERE message_id = ?", (cursor.lastrowid,))
        self._tell(int(cursor.lastrowid or 0), None)

    def _decision_row(self, decision: Decision) -> dict[str, Any]:
        """Without the images."""
        row = self._row(decision.trigger, decision.verdict, decision.reason, decision.detail, decision.settled_ns)
        return row | {"evidence": _evidence(decision)}

    def _row(self, trigger: Trigger, verdict: Verdict, reason: Reason, detail: str, decided_ns: int) -> dict[str, Any]:
        ago_ns = time.monotonic_ns() - decided_ns
        decided = datetime.fromtimestamp((time.time_ns() - ago_ns) / 1e9, UTC)
        identity = self._identity
        job = trigger.job or next(iter(identity.recipes))
        recipe, recipe_sha256 = identity.recipes[job]
        return {
            "agent_epoch": identity.agent_epoch,
            "model_sha256": identity.model_sha256,
            "recipe": recipe,
            "recipe_sha256": recipe_sha256,
            "job": job,
            "simulated": identity.simulated,
            "fail_open": identity.fail_open,
            "kind": "inspection",
            "plc_epoch": trigger.plc_epoch,
            "trigger_seq": trigger.seq,
            "part_id": trigger.part_id,
            "triggered_ns": trigger.latest_ns,
            "decided_ns": decided_ns,
            "decided_utc": decided.isoformat(timespec="milliseconds"),
            "verdict": verdict.value,
            "reason": reason.name.lower(),
            "detail": detail,
            "evidence": "{}",
            "bypass": trigger.bypass,
            "challenge": trigger.challenge,
        }

    def _tell(self, message_id: int, closed: Closed | None) -> None:
        row = self._db.execute("SELECT * FROM inspections WHERE message_id = ?", (message_id,)).fetchone()
        message = to_message(row, self._identity.line, self._identity.station)
        for listener in self._listeners:
            listener(message, closed)

    def _newest_trigger(self) -> tuple[int, int] | None:
        row = self._db.execute(
            "SELECT plc_epoch, trigger_seq FROM inspections ORDER BY message_id DESC LIMIT 1"
        ).fetchone()
        return (row["plc_epoch"], row["trigger_seq"]) if row else None

    def _close_rows_of_the_dead(self) -> None:
        """A process that died left rows whose end it never saw: what the PLC did stays unknown."""
        self._db.execute("UPDATE inspections SET completed = 1 WHERE completed = 0")


def _evidence(decision: Decision) -> str:
    seen = decision.evidence
    if seen is None:
        return "{}"
    return json.dumps({
        "defects": [asdict(defect) for defect in seen.judgement.defects],
        "peak_scores": seen.judgement.peak_scores,
        "latencies_ms": {name: round(value, 3) for name, value in seen.stages_ms.items()},
    })  # fmt: skip
