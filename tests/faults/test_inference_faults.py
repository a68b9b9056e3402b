"""F11: the model's run fails, hangs or computes nonsense; a real model file, ONNX Runtime's own errors, a real line.

A GPU's faults come the same way: its arena has no memory, or `RuntimeError` comes out of run_with_iobinding.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import SEED, sized
from tests.faulty_model import write_faulty_model
from tests.waiting import wait_until

RATE_PER_S, FAULT_S = 25, 30
"""A fault with the restart after it takes three seconds or so; the belt is long enough for a slow computer."""
NOT_FINITE = ("nan", "inf")
SAID = {
    "out of memory": "error: inspection failed: RuntimeError",
    "failure": "error: inspection failed: RuntimeError",
    "hang": "stage 'segment' hangs",
}
"""The line that tells why the process ended."""
REASONS = {
    "out of memory": "inference_error",
    "failure": "inference_error",
    "hang": "deadline",
    "nan": "output_invalid",
    "inf": "output_invalid",
}


class FaultyModelLine(ScriptedLine):
    """A scripted line whose station runs a real model."""

    station = "tests.faults.faulty_model_station"

    def strike_model(self, fault: str) -> int:
        """Let the model fail so on the next part; its number."""
        struck = self._path / "segmenter.struck"
        struck.unlink(missing_ok=True)
        armed = self._path / "segmenter.armed"
        armed.write_text(fault)
        armed.rename(self._path / "segmenter.fault")
        wait_until(lambda: struck.exists() and struck.read_text(), f"a part meets '{fault}'")
        return int(struck.read_text())

    def row_of(self, part_id: int) -> dict[str, Any] | None:
        """Its completed row, None as long as there is none."""
        return next((row for row in reversed(self.rows()) if row["trigger_seq"] == part_id), None)


@pytest.fixture(scope="module")
def faulty_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faulty_model(tmp_path_factory.mktemp("model") / "faulty.onnx")


@sized(("ends", "nonsense"), (1, 3), (200, 200))
def test_f11_a_model_that_fails_costs_its_own_part_and_no_pass(
    report: Report, faulty_model: Path, ends: int, nonsense: int
) -> None:
    faults = [*SAID] * ends + [*NOT_FINITE] * nonsense
    changes = {"model": {"path": str(faulty_model), "threads": 1}}
    parts = min(65_000, len(faults) * FAULT_S * RATE_PER_S)
    with FaultyModelLine(Script(SEED), parts, RATE_PER_S, changes=changes) as line:
        line.wait_for_parts(5)
        struck, ready_ms = dict[int, str](), []
        for fault in faults:
            said = line.said(SAID.get(fault, ""))
            part_id = line.strike_model(fault)
            struck[part_id] = fault
            if fault not in NOT_FINITE:
                ready_ms.append(end_and_restart(line, said, SAID[fault]))
            wait_until(lambda part_id=part_id: line.row_of(part_id), f"part {part_id} has its row")
        line.end_here()
        balance = line.balance()
        check_struck(line, struck)
        assert line.said("provider") == 0, "nothing was said of another provider"
        report.add(
            Finding("F11 inference fails", balance.triggers, len(faults), balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, ready_ms,
                    f"{', '.join(SAID)}: {ends} each, exit 1; nan, inf: {nonsense} each; recovery = start to READY")
        )  # fmt: skip


def end_and_restart(line: FaultyModelLine, said: int, why: str) -> float:
    """The process ends by itself, says why in one line, and inspects again; ms from its start to READY."""
    assert line.processes["station"].wait(20) == 1
    line.killed_ns.append(time.monotonic_ns())
    assert line.said(why) == said + 1
    assert "Traceback" not in line.log("station").read_text()
    begun_s = time.monotonic()
    line.restart_station()
    return (time.monotonic() - begun_s) * 1000


def check_struck(line: FaultyModelLine, struck: dict[int, str]) -> None:
    """No part that met a fault has passed; its row says what happened, and the one before it has its own verdict."""
    rows = {row["trigger_seq"]: row for row in line.rows()}
    outcomes = {record["part_id"]: record["outcome"] for record in line.truth()}
    for part_id, fault in struck.items():
        row = rows[part_id]
        assert (row["verdict"], row["reason"]) == ("no_decision", REASONS[fault]), (fault, dict(row))
        assert outcomes[part_id] != "passed", (fault, part_id)
    went_on = [part_id for part_id, row in rows.items() if row["verdict"] == "pass" and part_id > min(struck)]
    assert went_on, "parts pass again after a fault"
