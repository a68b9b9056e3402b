"""The simulated arm by encoder and by the station's coils, with a script and an operator: processes of their own."""

from __future__ import annotations

from pathlib import Path

from agent.plc.register_map import PLC_BLOCK
from tests.plc.sim_process import Record, ScriptedAgent, Simulator
from tests.waiting import wait_until

PITCH_MM = 20
BELT = ("--blank", "--rate", 40, "--pitch-mm", PITCH_MM, "--decide-ms", 200, "--settle-s", 0.2)
PASS_COIL, CRACK_COIL = 3, 4


def test_by_encoder_no_stop_and_no_speed_puts_the_arm_out_of_step(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("0.2 speed 300\n0.5 stop\n0.8 speed 1500\n1.1 go\n1.3 status\n")
    with Simulator(tmp_path, *BELT, "--parts", 0, "--decide-by", "encoder", "--script", script) as simulator:
        assert simulator.get("DECIDE_COUNTS") == 40 * PITCH_MM // 5 * 10
        agent = ScriptedAgent(simulator.port)
        simulator.wait("faults    none")
        since = len(simulator.truth())
        wait_until(lambda: len(simulator.truth()) > since + 10, "parts after the script")
        agent.close()
        records = simulator.truth()
        assert [r["part_id"] for r in records] == [r["true_part_id"] for r in records]
        assert "passed" in {record["outcome"] for record in records}
        words = simulator.words()
        newest = PLC_BLOCK.slot(words, "TRIGGER", PLC_BLOCK.get(words, "TRIG_HEAD"))
        part_mm = PITCH_MM * newest["part_id"]
        assert abs(newest["enc"] - part_mm * 10 % 65536) <= 1, "the photo-eye latches the encoder"


def test_the_gate_is_where_the_stations_coil_has_put_it(tmp_path: Path) -> None:
    coils = ("--arm", "coils", "--pass-coil", PASS_COIL, "--lane-coils", f"crack={CRACK_COIL}")
    with Simulator(tmp_path, *BELT, "--parts", 0, "--challenge-every", 60, *coils, "--operator-s", 0.2) as simulator:
        agent = ScriptedAgent(simulator.port)
        agent.rejects = lambda part_id: part_id % 60 == 0
        write = simulator.client.write_coil

        def next_record(outcome: str) -> Record:
            return simulator.wait_for_record(lambda r: r["outcome"] == outcome, len(simulator.truth()))

        shut = next_record("rejected")
        assert (shut["arm"], shut["lane"], shut["overkill"]) == ("rejected", "reject", True), "PASS, and the gate shut"
        assert not write(CRACK_COIL, True).isError()
        simulator.wait_for_record(lambda r: r["lane"] == "crack", len(simulator.truth()))
        assert not write(PASS_COIL, True).isError()
        assert next_record("passed")["arm"] == "let_pass"
        challenge = simulator.wait_for_record(lambda r: r["challenge"] and r["arm"] == "let_pass")
        assert (challenge["outcome"], challenge["escape"]) == ("passed", True)
        simulator.wait("belt stands: line stopped")
        simulator.wait("belt runs again")
        agent.close()
        dropped = next_record("no_verdict")
        assert dropped["arm"] == "rejected", "the outputs of a dead station fall although its coil is still set"


def test_a_dead_wire_to_a_reject_coil_shows_as_escapes_and_a_dead_agent_stops_the_line(tmp_path: Path) -> None:
    belt = ("--rate", 40, "--pitch-mm", PITCH_MM, "--decide-ms", 200, "--settle-s", 0.2, "--parts", 60, "--defects", 1)
    arm = ("--arm", "coils", "--reject-coil", 0, "--stop-after", 5, "--operator-s", 0.1)
    with Simulator(tmp_path, *belt, *arm) as simulator:
        agent = ScriptedAgent(simulator.port)
        agent.rejects = lambda part_id: True
        escaped = simulator.wait_for_record(lambda r: r["escape"])
        assert (escaped["arm"], escaped["outcome"]) == ("let_pass", "passed")
        simulator.client.write_coil(0, True)
        simulator.wait_for_record(lambda r: r["arm"] == "rejected" and not r["escape"], len(simulator.truth()))
        agent.close()
        stops = simulator.said().count("belt stands: line stopped")
        simulator.wait("belt stands: line stopped", stops + 1)
        simulator.wait("belt empty: all 60 parts have passed the photo-eye")
        simulator.type("challenge")
        simulator.wait("error: challenge: no part comes any more")
