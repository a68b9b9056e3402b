"""The whole line with a small PLC: station, simulator in profile B and subscriber as processes, over real sockets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults.observed_line import ObservedLine, line_of
from tests.waiting import wait_until

DECIDE_MS = 300
RATE_PER_S = 3.0
BITS = {
    "plc": {"profile": "bits", "decide_ms": DECIDE_MS, "scan_ms": 20, "guard_ms": 50},
    "trigger": {"min_pitch_ms": 325},
}


class BitsLine(ObservedLine):
    """One part in flight; numbers are the agent's, and the PLC says by which it knew a part."""

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        return [*super()._simulator_arguments(settings), "--profile", "bits", "--decide-ms", str(DECIDE_MS)]

    def end_here(self) -> None:
        """The station completes what it has begun; parts from now on are nobody's."""
        self.stop("station")
        self.options = replace(self.options, seconds=len(self.truth()) / self.options.rate_per_s)

    def _is_of_this_belt(self, trigger_seq: int) -> bool:
        """Numbers are the station's, not the parts'."""
        return True

    def check_bits(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Exactly one decision a part in both ledgers, each for the part it belongs to; (rows, gap rows)."""
        truth, rows = self.truth(), [row for row in self.rows() if row["kind"] == "inspection"]
        assert sorted(record["part_id"] for record in truth) == list(range(1, self.options.parts + 1))
        assert all(record["true_part_id"] == record["part_id"] for record in truth)
        assert not any(record["escape"] and record["outcome"] != "passed" for record in truth)
        of_number = {row["part_id"]: row for row in rows}
        assert len(of_number) == len(rows), "one row a trigger"
        numbers = [record["seq"] for record in truth if record["seq"]]
        assert len(numbers) == len(set(numbers)), "one number a part"
        expected = self.expected_verdicts()
        for record in truth:
            row = of_number.get(record["seq"])
            assert row or record["outcome"] == "no_verdict", "the PLC took a result that is in no row"
            if row:
                self._check_pair(row, record, expected[record["part_id"]])
        return rows, [row for row in self.rows() if row["kind"] == "gap"]

    def _check_pair(self, row: dict[str, Any], record: dict[str, Any], expected: str) -> None:
        if record["outcome"] == "passed":
            assert row["verdict"] == "pass", f"part {record['part_id']} passed without a PASS"
        for verdict in {row["verdict"], row["late_verdict"]} & {"pass", "reject"}:
            assert verdict == expected, f"part {record['part_id']} was judged by another part's photo"
        actions = {"passed": "passed", "rejected": "rejected", "no_decision": "rejected_no_decision"}
        if row["plc_action"] != "unknown":
            assert row["plc_action"] == actions[record["outcome"]]


class ProxiedBitsLine(BitsLine):
    proxied = True


def test_connections_that_break_and_kill_9_in_mid_belt(two_verdict_model: Path) -> None:
    """What is open is dropped, what passes meanwhile is rejected by the PLC; a gap row says that nobody counted."""
    with ProxiedBitsLine(line_of(two_verdict_model, seconds=60, rate_per_s=RATE_PER_S), BITS) as line:
        assert line.proxy is not None
        for parts, fault, seconds in ((2, "reset", 0.0), (4, "black_hole", 0.5), (7, "freeze", 0.4)):
            line.wait_for_parts(parts)
            line.proxy.inject(fault, seconds)
        line.wait_for_parts(10)
        line.kill_station()
        line.restart_station()
        wait_until(lambda: len(judged_after(line, 1)) >= 4, "the line has come back")
        line.end_here()
        rows, gaps = line.check_bits()
        assert len(gaps) >= 4
        assert {row["agent_epoch"] for row in rows} == {1, 2}


def judged_after(line: BitsLine, epoch: int) -> list[dict[str, Any]]:
    """Rows of a later epoch with a verdict by the photo."""
    return [row for row in line.rows() if row["agent_epoch"] > epoch and row["verdict"] in ("pass", "reject")]
