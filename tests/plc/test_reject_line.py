"""The whole line with an arm of our own: real station, real simulator, coils between them, a belt that changes speed.

The truth is what the simulated gate did with the part that lay before it. No times are asserted: on a slow computer
good parts are rejected, and with a pass coil bad ones are never let pass.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from agent.inspection import Verdict
from agent.plc.register_map import AGENT_BLOCK, Alarm, Status
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.waiting import wait_until

RATE, DECIDE_MS, PITCH_MM, COUNTS_PER_MM, COIL = 10, 500, 32, 10, 3
ARM_COUNTS = RATE * PITCH_MM * DECIDE_MS // 1000 * COUNTS_PER_MM
TRIGGER = {"min_pitch_ms": 90}
OURS: dict[str, Any] = {"timing": "agent", "distance_counts": ARM_COUNTS, "pulse_ms": 50, "lead_ms": 5}
WATCHDOG_MS = 60
"""What `linegate check` asks for: the pitch less half a pulse and a scan."""
DEAD_S = 0.3
"""After a kill -9 the watchdog has dropped the coil by now, also on a slow computer."""


class ArmLine(ScriptedLine):
    """The simulator's arm hangs on coils; `events` is what happens to the belt, a menu command a line."""

    def __init__(
        self, script: Script, parts: int, reject: dict[str, Any], options: list[object], events: str = ""
    ) -> None:
        alarm = {"consecutive_unconfirmed": 3}
        changes = {"reject": reject, "trigger": TRIGGER, "alarm": alarm}
        super().__init__(script, parts, RATE, DECIDE_MS, changes)
        self._sim_options, self._events = options, events

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        events = Path(self._path) / "events.txt"
        events.write_text(self._events)
        own = ["--decide-by", "encoder", "--settle-s", 0.5, "--script", events, *self._sim_options]
        return [*super()._simulator_arguments(settings), *map(str, own)]

    def let_pass(self) -> set[int]:
        """Parts that truly went past the open gate."""
        return {record["true_part_id"] for record in self.truth() if record["arm"] == "let_pass"} - {None}

    def unconfirmed_in_a_row(self) -> bool:
        """Does the station ask for a stop, for this very reason?"""
        stop = Status(self.word("STATUS")) & Status.STOP_REQUEST
        return bool(stop and Alarm(self.word("ALARM")) & Alarm.REJECTS_UNCONFIRMED)

    def word(self, name: str) -> int:
        """As it stands in the PLC's memory."""
        return AGENT_BLOCK.get(self.agent_words(), name)


def test_a_coil_energised_to_pass_lets_go_only_what_was_proven() -> None:
    """The belt creeps, stops and races; the station is killed in mid-belt, its coil perhaps on, and comes back."""
    events = "1.5 speed 200\n2.5 speed 400\n3 stop\n3.6 speed 320\n"
    script = Script(seed=7, pass_share=0.7)
    options = ["--arm", "coils", "--pass-coil", COIL, "--watchdog-ms", WATCHDOG_MS]
    with ArmLine(script, 80, OURS | {"pass_coil": COIL}, options, events) as line:
        line.wait_for_parts(38)
        line.kill_station()
        killed_s = time.monotonic()
        line.wait_for_parts(50)
        dead = [record["arm"] for record in line.truth() if record["at_s"] > killed_s + DEAD_S]
        assert len(dead) >= 5
        assert set(dead) == {"rejected"}, "a dead station let parts pass"
        line.restart_station()
        line.wait_for_all_rows()
        passed, rows = line.let_pass(), line.rows()
        good = {part_id for part_id in range(1, 81) if script.verdict(part_id) is Verdict.PASS}
        assert passed <= good, f"escapes: {passed - good}"
        said = {row["part_id"] for row in rows if row["verdict"] == "pass"}
        assert len(passed) >= len(good) / 3, "this run has proved nothing"
        assert {row["part_id"] for row in rows if row["plc_action"] == "passed"} <= said <= good


@pytest.mark.faults
def test_a_coil_energised_to_reject_owns_up_to_it_and_a_blind_sensor_stops_the_line() -> None:
    script = Script(seed=8, pass_share=0.5)
    reject = OURS | {"reject_coil": COIL, "fail_open": True, "confirm_ms": 300}
    options = ["--arm", "coils", "--reject-coil", COIL, "--watchdog-ms", 5000]  # which would let all pass
    with ArmLine(script, 70, reject, options, "4 blind 60000\n") as line:
        assert Status(line.word("STATUS")) & Status.FAIL_OPEN
        line.wait_for_parts(25)
        assert line.word("UNCONFIRMED_CNT") <= line.word("MISSED_REJECT_CNT"), "a reject was made, and not seen"
        wait_until(line.unconfirmed_in_a_row, "the line is asked to stop")
        assert line.word("UNCONFIRMED_CNT") >= 3
        wait_until(lambda: bool(line.said("belt stands: line stopped", "simulator")), "it stops")
        assert line.messages
        assert all(message.fail_open for message in line.messages)
        bad = {part_id for part_id in line.let_pass() if script.verdict(part_id) is not Verdict.PASS}
        assert len(bad) <= line.word("MISSED_REJECT_CNT"), f"escapes that nobody has noticed: {bad}"
        assert len(line.let_pass()) >= 5


@pytest.mark.faults
def test_a_jammed_arm_of_the_plcs_is_found_out_by_the_sensor() -> None:
    script = Script(seed=9, pass_share=0.2)
    with ArmLine(script, 40, {"confirm_ms": 300}, [], "1.5 jam 60000\n") as line:
        wait_until(line.unconfirmed_in_a_row, "somebody notices")
