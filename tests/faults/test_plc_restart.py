"""F6: the PLC restarts, or somebody clears its part queue, in the middle of it all. No verdict crosses an epoch.

The simulator does it by its own menu: `epoch`, `restart` (memory gone), `restart keep` (the agent's old block is still
there). The thousand restarts of the pure handshake are in tests/agent/test_handshake_runs.py.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from subprocess import Popen
from typing import Any

from pymodbus.exceptions import ModbusException

from agent.inspection import Verdict
from agent.local_line import LocalLine
from tests.faults.observed_line import ACTION_OF
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine, is_ready
from tests.faults.sizes import SEED, sized
from tests.waiting import wait_until

RATE_PER_S, CYCLE_S = 100, 4
ORDERS = ("restart keep", "epoch", "restart")


class OrderedLine(ScriptedLine):
    """The simulator obeys orders on its stdin."""

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        if name != "simulator":
            return super().start(name, arguments)
        with self.log(name).open("ab") as log:
            command = [sys.executable, "-m", "agent", *arguments]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._processes[name] = self.processes[name] = process
        return process

    def truth(self) -> list[dict[str, Any]]:
        """With the parts that the PLC had lost track of when they came to the arm."""
        return LocalLine.truth(self)

    def order(self, text: str) -> None:
        """Type this into the simulator; returns when parts of the next epoch are decided."""
        with self.memory() as memory:
            before = memory.plc("PLC_EPOCH")
            keyboard = self.processes["simulator"].stdin
            assert keyboard is not None
            keyboard.write(f"{text}\n".encode())
            keyboard.flush()

        def runs_again() -> bool:
            with suppress(OSError, ModbusException), self.memory() as memory:
                return memory.plc("PLC_EPOCH") != before and is_ready(memory) and memory.plc("DECIDED_SEQ") > 0
            return False  # it is off

        wait_until(runs_again, f"the line runs again after '{text}'")


@sized(("restarts",), (2,), (20,))
def test_f6_no_verdict_crosses_an_epoch(report: Report, restarts: int) -> None:
    chance = random.Random(SEED)
    with OrderedLine(Script(SEED), restarts * CYCLE_S * RATE_PER_S, RATE_PER_S) as line:
        line.wait_for_parts(1)
        for number in range(restarts):
            time.sleep(chance.uniform(0.2, 0.6))
            line.order(ORDERS[number % len(ORDERS)])
        time.sleep(1.0)
        truth = line.truth()
        last = max(record["part_id"] for record in truth if record["outcome"] in ACTION_OF)
        wait_until(lambda: last <= max(row["part_id"] for row in line.rows()), "the journal is up to date")
        rows = line.rows()
        passed = [record["part_id"] for record in truth if record["outcome"] == "passed"]
        escapes = sum(line.script.verdict(part_id) is not Verdict.PASS for part_id in passed)
        lost = sum(row["verdict"] == "no_decision" for row in rows)
        report.add(Finding("F6 PLC restarts", len(truth), restarts, escapes, 0, lost / len(rows)))
        check_epochs(truth, rows, restarts)
        assert escapes == 0
        dropped = [row for row in rows if row["verdict"] == "pass" and row["plc_action"] == "unknown"]
        assert len(dropped) >= restarts, "this run has proved nothing"


def check_epochs(truth: list[dict[str, Any]], rows: list[dict[str, Any]], restarts: int) -> None:
    """What the PLC had for a part was said for this very part, and in the epoch in which it was announced."""
    assert max(Counter((row["plc_epoch"], row["trigger_seq"]) for row in rows).values()) == 1
    assert {row["plc_epoch"] for row in rows} == set(range(1, restarts + 2))
    assert max(Counter(r["part_id"] for r in truth if r["part_id"]).values()) == 1, "a part was decided twice"
    row_of = {row["part_id"]: row for row in rows if row["part_id"]}
    for record in truth:
        if record["part_id"] is None:
            assert record["arm"] == "rejected", "a part that the PLC had lost track of was let through"
            continue
        row = row_of.get(record["part_id"])
        if row is None:
            assert record["outcome"] == "no_verdict", "the PLC had a verdict that the journal does not know"
            continue  # announced before the agent had read the new epoch: a gap row stands for these
        assert row["trigger_seq"] == record["seq"]
        assert row["plc_action"] in (ACTION_OF[record["outcome"]], "unknown")
        if record["outcome"] == "passed":
            assert "pass" in (row["verdict"], row["late_verdict"])
