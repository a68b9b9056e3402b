"""A journal with its housekeeping under way, for the power-cut model; what anybody is told goes into `published`.

`python -m tests.faults.power_cut_writer FOLDER ROWS`; ids and checkpoints take small steps, so that there are many.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from agent.agent_epoch import next_agent_epoch
from agent.event import Event
from agent.inspection import Verdict
from agent.journal import housekeeping, ids
from agent.journal.journal import Journal
from agent.results_config import JournalConfig
from tests.results.records import closed, decision, identity

EPOCH_EVERY = 25
VERDICTS = (Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION)


def main(folder: Path, rows: int) -> None:
    """Write `rows` rows; then end without closing anything."""
    ids.AHEAD = 40
    housekeeping.ROUND_S, housekeeping.CHECKPOINT_S, housekeeping.CHECKPOINT_SHARE = 0.01, 0.05, 1
    told = os.open(folder / "journal.sqlite.published", os.O_WRONLY | os.O_CREAT, 0o644)

    def tell(what: str, number: int) -> None:
        os.write(told, f"{what} {number}\n".encode())

    tell("epoch", next_agent_epoch(folder))
    journal = Journal(folder / "journal.sqlite", identity(), 5000, required=False)
    journal.on_completed(lambda message, _: tell("row", message.message_id))
    journal.on_event(lambda event: tell("event", event.event_id))
    housekeeping.Housekeeping(journal, JournalConfig())
    tell("open", 0)
    for seq in range(1, rows + 1):
        decided = decision(seq, VERDICTS[seq % len(VERDICTS)])
        assert journal.commit(decided)
        journal.complete(closed(decided))
        if seq % EPOCH_EVERY == 0:
            tell("epoch", next_agent_epoch(folder))
            journal.record(Event("test", "MARK"))
    journal.run(lambda _: None, 5.0)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
