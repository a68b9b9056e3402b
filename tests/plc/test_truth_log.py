"""The truth log tells apart what passed by order of the panel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.plc.register_map import OutcomeCode
from agent.plc.sim.arm import Outputs, Wiring
from agent.plc.sim.belt import Belt, TruthLog, procedural_parts
from agent.plc.sim.drive import Drive
from agent.plc.sim.eye import Seen
from agent.plc.sim.inputs import Panel
from agent.plc.sim.program import QueuedPart
from agent.plc.sim.reject import RejectStation


@pytest.mark.parametrize("bypass", [True, False])
def test_a_bad_part_that_passes_is_an_escape_also_under_bypass_and_says_so(tmp_path: Path, bypass: bool) -> None:
    drive = Drive()
    drive.set_speed(100.0, 320)
    truth = TruthLog(tmp_path / "truth.jsonl")
    belt = Belt(procedural_parts(2, defect_share=1, seed=1), pitch_mm=32, arm_mm=128)
    station = RejectStation(belt, drive, Outputs(Wiring()), truth, Panel(bypass=bypass))
    station.act_for(QueuedPart(1, 1, 100_100, 1, outcome=OutcomeCode.PASSED), Seen(100.1, 32.0, 0), 100.5)
    station.act_at_rest(101.0, seen_before=2, tracked=())
    truth.close()
    decided, at_rest = map(json.loads, (tmp_path / "truth.jsonl").read_text().splitlines())
    assert (decided["true_part_id"], decided["escape"], decided["bypass"]) == (1, True, bypass)
    assert (at_rest["true_part_id"], at_rest["escape"], at_rest["bypass"]) == (2, False, bypass)
