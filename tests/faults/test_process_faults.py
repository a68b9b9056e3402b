"""F4, F5: the station dies, whole or one of its threads. No PASS comes from the dead, nothing is missing afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median

from agent.journal.history import open_reader, to_message
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import SEED, sized

REQUIRED = {"journal": {"required": True, "wait_ms": 200}}
"""No PASS without its row on disk."""
RATE_PER_S, LOOP_S, LEAST_S = 100, 3, 120
"""A loop takes about a second; the belt is long enough for a slow computer."""
MOST_PARTS = 65_000
"""So many seqs are different."""
THREADS = ("plc-link", "journal", "publisher")
READY_LIMIT_MS = 5000


def long_line(loops: int) -> ScriptedLine:
    """Its belt outlasts so many lives of the station; the test ends it before."""
    seconds = max(LEAST_S, loops * LOOP_S)
    rate_per_s = min(RATE_PER_S, MOST_PARTS / seconds)
    return ScriptedLine(Script(SEED), round(seconds * rate_per_s), rate_per_s, changes=REQUIRED)


@sized(("loops", "asks_the_plc", "held"), (10, False, median), (500, True, max))
def test_f4_kill_9_at_any_instant(
    report: Report, loops: int, asks_the_plc: bool, held: Callable[[list[float]], float]
) -> None:
    """Parts go on coming meanwhile; the PLC rejects them, and the journal has a row for each of them afterwards.

    `held` to the limit for READY: each start has it by itself, in the short run half of them may meet other tests.
    """
    chance = random.Random(SEED)
    with long_line(loops) as line:
        line.wait_for_parts(1)
        knows_ms, ready_ms = [], []
        for loop in range(loops):
            time.sleep(chance.uniform(0.0, 0.2))
            line.kill_station()
            if asks_the_plc and loop % 2:  # else it is back before the PLC has noticed
                knows_ms.append(line.until_the_plc_knows_ms())
            begun_s = time.monotonic()
            line.restart_station()
            ready_ms.append((time.monotonic() - begun_s) * 1000)
        line.end_here()
        balance = line.balance()
        note = f"PLC knew after {max(knows_ms):.0f} ms at most; " if knows_ms else ""
        report.add(
            Finding("F4 kill -9", balance.triggers, loops, balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, ready_ms, note + "recovery = start to READY")
        )  # fmt: skip
        check_the_dead(line, loops)
        assert held(ready_ms) < READY_LIMIT_MS


def check_the_dead(line: ScriptedLine, loops: int) -> None:
    """Every part that passed has the row of a PASS, decided by a process that was alive; every life has left rows.

    The journal is whole, and no row of it is torn.
    """
    with closing(open_reader(line.journal)) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchall()[0][0] == "ok"
        rows_of_all = reader.execute("SELECT * FROM inspections").fetchall()
    assert all(to_message(row, "line", "station") for row in rows_of_all)
    assert not list(line.journal.parent.glob("*.damaged*"))
    rows = {row["trigger_seq"]: row for row in line.rows()}
    for record in line.truth():
        row = rows[record["seq"]]
        if record["outcome"] == "passed" and row["agent_epoch"] <= loops:
            assert row["decided_ns"] < line.killed_ns[row["agent_epoch"] - 1], "a PASS of a process that was dead"
    assert max(row["agent_epoch"] for row in rows.values()) == loops + 1
    assert any(row["reason"] == "agent_down" for row in rows.values())


@sized(("strikes",), (1,), (50,))
def test_f5_a_thread_that_dies_takes_the_process_with_it(report: Report, strikes: int) -> None:
    """One process here, so there are no workers to kill: an exception strikes one thread, wherever it may be."""
    total = strikes * len(THREADS)
    with long_line(total) as line:
        line.wait_for_parts(1)
        ready_ms = []
        for thread in THREADS * strikes:
            assert line.strike(thread) == 1
            assert line.said(f"thread '{thread}' died") > 0
            line.killed_ns.append(time.monotonic_ns())
            begun_s = time.monotonic()
            line.restart_station()
            ready_ms.append((time.monotonic() - begun_s) * 1000)
        line.end_here()
        balance = line.balance()
        report.add(
            Finding("F5 a thread dies", balance.triggers, total, balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, ready_ms, "exit code 1 each time; recovery = start to READY")
        )  # fmt: skip
        check_the_dead(line, total)
