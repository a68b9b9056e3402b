"""The promise of the journal: a verdict is not sent before its row is on disk, or the wait for it is over."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from agent.health import Stages
from agent.inspection import Reason, Verdict
from agent.journal.journal import Journal
from agent.plc.decision import Decision, Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.link import PlcLink
from tests.results.records import identity, rows_of, trigger
from tests.waiting import PATIENCE_S, wait_until


class NoWire:
    """Nobody is at the other end."""

    async def exchange_forever(self, link: Any) -> None:
        """Nothing is exchanged."""


class Held:
    """A link whose journal's writer is held up, with one part under way that is judged PASS."""

    def __init__(self, folder: Path, wait_ms: float, required: bool) -> None:
        self.path, self.disk = folder / "journal.sqlite", threading.Event()
        self.journal = Journal(self.path, identity(), wait_ms, required)
        self.journal._queue.put(lambda: self.disk.wait(PATIENCE_S) and None)
        self.handshake = Handshake(Timing(200, 25, 5), 1, Facts())
        self.link = PlcLink(NoWire(), self.handshake, self.journal, Stages.of(100, 100).health, 500)  # type: ignore[arg-type]
        self.part = self.handshake.ledger.open(trigger(1))
        self.begun_s = time.monotonic()

    def judge(self) -> None:
        self.link.deliver(Decision(self.part, Verdict.PASS, Reason.OK, self.part.seen_ns))

    @property
    def released(self) -> Decision | None:
        part = self.handshake.ledger.parts[self.part.key]
        return part.decision if part.released else None

    def end(self) -> None:
        self.disk.set()
        self.link.close()
        self.journal.close()


def test_a_verdict_waits_for_its_row(tmp_path: Path) -> None:
    held = Held(tmp_path, 1000 * PATIENCE_S, required=False)
    judging = threading.Thread(target=held.judge)
    judging.start()
    wait_until(lambda: held.journal.rows_waiting >= 2)
    judging.join(0.1)
    assert judging.is_alive()
    assert held.released is None, "its row is not on disk"
    held.disk.set()
    judging.join(PATIENCE_S)
    assert [row["verdict"] for row in rows_of(held.path)] == ["pass"]
    assert held.released is not None
    held.end()


@pytest.mark.parametrize(
    ("required", "sent"), [(True, (Verdict.NO_DECISION, Reason.JOURNAL)), (False, (Verdict.PASS, Reason.OK))]
)
def test_a_row_that_does_not_come_holds_no_verdict_up_for_ever(
    tmp_path: Path, required: bool, sent: tuple[Verdict, Reason]
) -> None:
    held = Held(tmp_path, 100, required)
    held.judge()
    assert time.monotonic() - held.begun_s >= 0.1, "it did not wait"
    assert held.released is not None
    assert (held.released.verdict, held.released.reason) == sent
    held.end()
