"""DESIGN §5: memory after 100,000 parts has grown by less than 5 MB since warm-up, and no file is open that was not."""

from __future__ import annotations

import pytest

from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import FULL_TIMEOUT_S, SEED
from tests.soak.goals import goals
from tests.soak.soak import Soak

PARTS, RATE_PER_S = 100_000, 150
OF_THE_COMPUTER = ("p99", "longest time", "parts without")
"""Ten times as fast as a line runs, some parts are late on a small computer: that is not what is asked here."""


class LongLine(ScriptedLine):
    """Its subscribers are those of the soak, which keep no messages."""

    def _receive(self) -> None:
        """Nobody here."""


@pytest.mark.faults
@pytest.mark.timeout(FULL_TIMEOUT_S)
def test_memory_and_files_after_100_000_parts(report: Report) -> None:
    """The soak's own goals, at a rate that no camera keeps up with: triggers wrap, and each part is in every ledger."""
    with LongLine(Script(SEED, no_decision_share=0.0), PARTS, RATE_PER_S) as line:
        soak = Soak(line, print)
        soak.run()
        found = goals(soak, line.expected_verdicts())
    memory = next(goal for goal in found if goal.what.startswith("memory"))
    undecided = sum(soak.rows.reasons.values()) / PARTS
    report.add(Finding("memory", soak.parts, 0, 0, 0, undecided, note=f"after warm-up {memory.found}"))
    assert not [goal for goal in found if not goal.passed and not goal.what.startswith(OF_THE_COMPUTER)]
