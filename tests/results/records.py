"""Records as the station and the link hand them on, with everything that a test does not care about filled in."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from agent.identity import Identity
from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.journal.history import open_reader
from agent.journal.journal import Journal
from agent.plc.decision import Closed, Decision
from agent.setup import Setup
from tests.waiting import PATIENCE_S

ACTIONS = {
    Verdict.PASS: PlcAction.PASSED,
    Verdict.REJECT: PlcAction.REJECTED,
    Verdict.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
}


def identity(agent_epoch: int = 1) -> Identity:
    return Identity("line1", "cam1", agent_epoch, Setup("ab" * 32, {1: ("tile", "cd" * 32)}), True)


def journal_at(path: Path, agent_epoch: int = 1, wait_ms: float = 5000) -> Journal:
    """A journal that waits long enough for any disk: `commit` returns with the row on it."""
    return Journal(path, identity(agent_epoch), wait_ms, required=False)


def trigger(seq: int, plc_epoch: int = 1) -> Trigger:
    now_ns = time.monotonic_ns()
    return Trigger(seq, 1000 + seq, plc_epoch, now_ns, now_ns, now_ns + 400_000_000, now_ns)


def decision(seq: int, verdict: Verdict = Verdict.PASS, plc_epoch: int = 1) -> Decision:
    reason = {Verdict.PASS: Reason.OK, Verdict.REJECT: Reason.DEFECT}.get(verdict, Reason.FRAME_TIMEOUT)
    return Decision(trigger(seq, plc_epoch), verdict, reason, time.monotonic_ns())


def closed(decided: Decision) -> Closed:
    """The PLC did as it was told, in time."""
    acknowledged_ns = decided.settled_ns + 1_000_000
    return Closed(decided, decided.verdict, decided.reason, acknowledged_ns, ACTIONS[decided.verdict], in_time=True)


def inspect(journal: Journal, *seqs: int, verdict: Verdict = Verdict.PASS, plc_epoch: int = 1) -> None:
    """The whole way of some parts: decided, on disk, closed, and the completed rows handed on."""
    for seq in seqs:
        decided = decision(seq, verdict, plc_epoch)
        assert journal.commit(decided)
        journal.complete(closed(decided))
    until_written(journal)


def until_written(journal: Journal) -> None:
    """All that the journal has been given is on disk, and its listeners have had it."""
    written = threading.Event()
    journal._queue.put(written.set)
    assert written.wait(PATIENCE_S)


def rows_of(path: Path) -> list[dict[str, object]]:
    """All rows of a journal file, oldest first."""
    with open_reader(path) as reader:
        found = [dict(row) for row in reader.execute("SELECT * FROM inspections ORDER BY message_id")]
    reader.close()
    return found
