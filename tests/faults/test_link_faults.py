"""F1, F2: the link between station and PLC breaks, hangs, loses, repeats and garbles; every part is decided once.

Station and PLC are real processes at 200 parts a second, the faults are the chaos proxy's. What a part's verdict must
be the script knows; what became of it the PLC's log, the journal and a subscriber tell, and they must agree.
"""

from __future__ import annotations

import random

import pytest

from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import RATE_PER_S, ScriptedLine
from tests.faults.sizes import SEED, sized


@sized(("triggers", "faults"), (2_000, 100), (10_000, 500))
def test_f1_the_connection_breaks_at_random_points(report: Report, triggers: int, faults: int) -> None:
    """RST, FIN and half-open, so often that the line is hardly ever whole: one decision a part, no escape."""
    with ScriptedLine(Script(SEED), triggers) as line:
        line.wait_for_parts(1)
        line.torment(("reset", "fin", "half_open"), random.Random(SEED), (1, 1), (0.0, 0.05), triggers - 10)
        balance = line.balance()
        line.check_counters()
        recovery_ms = line.recoveries_ms()
        report.add(
            Finding("F1 link breaks", triggers, len(line.injected), balance.escapes, balance.duplicates,
                    balance.no_decision / triggers, None, recovery_ms)
        )  # fmt: skip
        assert len(line.injected) >= faults
        assert max(recovery_ms) < 1000
        assert min(balance.passed, balance.rejected) >= triggers / 10, "this run has proved nothing"


@pytest.mark.alone
@sized(("triggers", "slack"), (1_500, 0.02), (10_000, 0.005))
def test_f2_outages_cost_no_more_than_they_last(report: Report, triggers: int, slack: float) -> None:
    """Freeze, black hole and delay of 10 ms to 5 s.

    A part is *touched* when any moment of its way from the photo-eye to the decision point lies inside a fault, from
    the moment the proxy begins it to the moment it ends it: no allowance for time-outs, reconnecting or catching up.
    Only touched parts may be NO_DECISION, but for 0.5 % of all (2 % in the short run, where one slow recovery weighs
    more). The script itself has no NO_DECISION here.
    """
    decide_ms = 150
    longest_s = min(5.0, triggers / RATE_PER_S / 8)
    script = Script(SEED, no_decision_share=0.0)
    with ScriptedLine(script, triggers, decide_ms=decide_ms) as line:
        line.wait_for_parts(1)
        line.torment(
            ("freeze", "black_hole", "delay"), random.Random(SEED), (0.01, longest_s), (0.3, 0.8), triggers - 200
        )
        balance, touched = line.balance(), line.hit_by_outages()
        line.check_counters()
        lost = {row["trigger_seq"] for row in line.rows() if row["verdict"] == "no_decision"}
        report.add(
            Finding("F2 link hangs", triggers, len(line.injected), balance.escapes, balance.duplicates,
                    len(lost) / triggers, len(touched) / triggers, line.recoveries_ms(),
                    f"{len(lost - touched)} no decisions outside of any fault")
        )  # fmt: skip
        assert len(lost - touched) <= slack * triggers
        assert len(lost) <= len(touched) + slack * triggers
        assert balance.passed >= triggers / 10, "this run has proved nothing"


@sized(("triggers",), (600,), (10_000,))
def test_f3_everything_arrives_twice_in_pieces_or_with_a_wrong_bit(report: Report, triggers: int) -> None:
    with ScriptedLine(Script(SEED), triggers) as line:
        line.wait_for_parts(1)
        line.torment(("duplicate", "tear", "corrupt"), random.Random(SEED), (0.05, 0.5), (0.0, 0.1), triggers - 10)
        balance = line.balance()
        line.check_counters()
        report.add(
            Finding("F3 twice, torn, corrupt", triggers, len(line.injected), balance.escapes, balance.duplicates,
                    balance.no_decision / triggers, None, line.recoveries_ms())
        )  # fmt: skip
        assert min(balance.passed, balance.rejected) >= triggers / 10, "this run has proved nothing"
