"""The PLC simulator as an integrator meets it: its menu, seen at the wire and in the truth log.

One endless line for all tests of this file, in their order: first without an agent, then with one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Ctrl
from agent.plc.sim.commands import COMMANDS
from tests.plc.sim_process import Record, ScriptedAgent, Simulator
from tests.waiting import wait_until

RATE, PITCH_MM, DECIDE_MS = 40, 20, 200
NOMINAL_MM_S = RATE * PITCH_MM
READ_MAP_ID = bytes.fromhex("0001 0000 0006 01 03 0000 0001")
MAP_ID = bytes.fromhex("0001 0000 0005 01 03 02 5601")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    belt = ("--parts", 0, "--blank", "--rate", RATE, "--pitch-mm", PITCH_MM)
    program = ("--decide-ms", DECIDE_MS, "--operator-s", 0, "--settle-s", 0.2)
    with Simulator(tmp_path_factory.mktemp("simulator"), *belt, *program) as running:
        yield running


@pytest.fixture(scope="module")
def agent(simulator: Simulator) -> Iterator[ScriptedAgent]:
    agent = ScriptedAgent(simulator.port)
    simulator.wait_for_record(passed)
    yield agent
    agent.close()


def passed(record: Record) -> bool:
    return record["outcome"] == "passed" and record["part_id"] == record["true_part_id"]


def untracked(record: Record) -> bool:
    return record["outcome"] == "untracked" and record["arm"] == "rejected" and record["seq"] is None


# --- without an agent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("exception", "0001 0000 0003 01 83 04"),
        ("short", "0001 0000 0003 01 03 00"),
        ("long", "0001 0000 0007 01 03 04 5601 0000"),
        ("fc", "0001 0000 0005 01 04 02 5601"),
        ("unit", "0001 0000 0005 0e 03 02 5601"),
        ("tid", "0054 0000 0005 01 03 02 5601"),
    ],
)
def test_wrong_answers(simulator: Simulator, kind: str, answer: str) -> None:
    with simulator.raw_socket(5.0) as wire:
        simulator.type(f"wrong {kind}")
        simulator.wait(f"menu: wrong {kind}")
        wire.sendall(READ_MAP_ID)
        assert wire.recv(100) == bytes.fromhex(answer)
        wire.sendall(READ_MAP_ID)
        assert wire.recv(100) == MAP_ID


def test_silence_and_garbage(simulator: Simulator) -> None:
    with simulator.raw_socket(0.3) as wire:
        simulator.type("wrong silence")
        simulator.wait("menu: wrong silence")
        wire.sendall(READ_MAP_ID)
        with pytest.raises(TimeoutError):
            wire.recv(100)
        simulator.type("wrong garbage 2")
        simulator.wait("menu: wrong garbage")
        wire.settimeout(5.0)
        for _ in range(2):
            wire.sendall(READ_MAP_ID)
            assert wire.recv(100)[:7] != MAP_ID[:7]
        wire.sendall(READ_MAP_ID)
        assert wire.recv(100) == MAP_ID


def test_freeze_nobody_answers(simulator: Simulator) -> None:
    with simulator.raw_socket(0.3) as wire:
        simulator.type("freeze 700")
        simulator.wait("menu: freeze 700")
        wire.sendall(READ_MAP_ID)
        with pytest.raises(TimeoutError):
            wire.recv(100)
        wire.settimeout(5.0)
        assert wire.recv(100) == MAP_ID


def test_stall_old_memory_is_served(simulator: Simulator) -> None:
    simulator.type("stall 1000")
    simulator.wait("menu: stall")
    before = simulator.words()
    for _ in range(10):
        time.sleep(0.01)
        assert simulator.words() == before
    simulator.wait_for_word("PLC_HB", lambda beats: beats != PLC_BLOCK.get(before, "PLC_HB"))


def test_slow_scans(simulator: Simulator) -> None:
    def ms_a_scan() -> float:
        first = simulator.words()
        wait_until(lambda: _since(first, simulator.words(), "PLC_HB") >= 2, "some scans")
        words = simulator.words()
        return _since(first, words, "PLC_MS") / _since(first, words, "PLC_HB")

    simulator.type("slow 200")
    wait_until(lambda: ms_a_scan() >= 195, "the scan is slow")
    simulator.type("slow 5")
    wait_until(lambda: ms_a_scan() < 150, "the scan is quick again")


def _since(before: list[int], after: list[int], name: str) -> int:
    return (PLC_BLOCK.get(after, name) - PLC_BLOCK.get(before, name)) & 0xFFFF


def test_drop_resets_connections(simulator: Simulator) -> None:
    with simulator.raw_socket(5.0) as wire:
        wire.sendall(READ_MAP_ID)
        wire.recv(100)
        simulator.type("drop")
        with pytest.raises(ConnectionResetError):
            wire.recv(100)
    simulator.reconnect()


@pytest.mark.parametrize(("typed", "kept"), [("restart", 0), ("restart keep", 4711)])
def test_restart(simulator: Simulator, typed: str, kept: int) -> None:
    epoch = simulator.get("PLC_EPOCH")
    simulator.client.write_registers(AGENT_BLOCK.base + 2, [4711])
    ups = simulator.said().count("PLC is up again")
    with simulator.raw_socket(5.0) as wire:
        wire.sendall(READ_MAP_ID)
        wire.recv(100)
        simulator.type(typed)
        with pytest.raises(ConnectionResetError):
            wire.recv(100)
    with pytest.raises(ConnectionRefusedError):
        simulator.raw_socket()
    simulator.wait("PLC is up again", ups + 1)
    simulator.reconnect()
    simulator.wait_for_word("PLC_EPOCH", lambda now: now == epoch + 1)
    assert simulator.client.read_holding_registers(AGENT_BLOCK.base + 2, count=1).registers == [kept]
    simulator.client.write_registers(AGENT_BLOCK.base, [0] * AGENT_BLOCK.count)


def test_the_panel(simulator: Simulator) -> None:
    for name, bit in (("offline", Ctrl.SET_OFFLINE), ("reject-all", Ctrl.REJECT_ALL)):
        simulator.type(f"{name} on")
        simulator.wait_for_word("CTRL", lambda ctrl, bit=bit: bool(ctrl & bit))
        simulator.type(f"{name} off")
        simulator.wait_for_word("CTRL", lambda ctrl, bit=bit: not ctrl & bit)
    simulator.type("bypass on")
    simulator.wait("error: BYPASS is keyed: bypass on key")
    assert not simulator.get("CTRL") & Ctrl.BYPASS
    simulator.type("bypass on key")
    simulator.wait_for_word("CTRL", lambda ctrl: bool(ctrl & Ctrl.BYPASS))
    simulator.type("bypass off")
    simulator.type("job 7")
    simulator.wait_for_word("JOB_SELECT", lambda job: job == 7)
    simulator.type("job 0")
    seq = simulator.get("CMD_SEQ")
    simulator.type("command 1 99")
    simulator.wait_for_word("CMD_SEQ", lambda now: now == seq + 1)
    assert (simulator.get("CMD"), simulator.get("CMD_ARG")) == (1, 99)
    simulator.type("clear")
    simulator.wait_for_word("CTRL", lambda ctrl: bool(ctrl & Ctrl.CLEAR_FAULT))
    simulator.wait_for_word("CTRL", lambda ctrl: not ctrl & (Ctrl.CLEAR_FAULT | Ctrl.BYPASS))


def test_what_cannot_be_obeyed_is_one_line(simulator: Simulator) -> None:
    for typed, complaint in (
        ("frobnicate", "error: unknown command 'frobnicate': type 'help' for the menu\n"),
        ("freeze", "error: 'freeze' is not the right form: freeze MS\n"),
        ("freeze soon", "error: 'freeze soon': MS must be a whole number 1…60000: freeze MS\n"),
        ("offline maybe", "error: 'offline maybe': STATE must be on or off: offline on|off\n"),
        ("lose", "error: lose: no part lies between photo-eye and arm now\n"),
    ):
        simulator.type(typed)
        simulator.wait(complaint)
    simulator.type("  # a comment")
    simulator.type("help")
    for command in COMMANDS:
        simulator.wait(f"  {command.form} ")
    assert "Traceback" not in simulator.said()


# --- with an agent ---------------------------------------------------------------------------------------------------


def in_step(simulator: Simulator) -> None:
    """Until the PLC tracks what is on the belt again."""
    simulator.wait_for_record(lambda r: r["outcome"] == "passed" and r["true_part_id"], len(simulator.truth()) + 10)


def test_a_good_line_rejects_what_it_is_told_to(simulator: Simulator, agent: ScriptedAgent) -> None:
    since = len(simulator.truth())
    agent.rejects = lambda part_id: part_id % 3 == 0
    wait_until(lambda: len(simulator.truth()) > since + 30, "some parts")
    agent.rejects = lambda part_id: False
    records = simulator.truth()[since + 10 : since + 30]
    assert all(record["part_id"] == record["true_part_id"] for record in records)
    for record in records:
        if record["outcome"] in ("passed", "rejected"):
            rejected = record["part_id"] % 3 == 0
            assert record["outcome"] == ("rejected" if rejected else "passed")
            assert (record["arm"], record["lane"]) == (("rejected", "reject") if rejected else ("let_pass", None))
            assert record["overkill"] == rejected
            assert not record["escape"]


def test_the_belt_does_not_wait_for_a_frozen_plc(simulator: Simulator, agent: ScriptedAgent) -> None:
    since = len(simulator.truth())
    simulator.type("freeze 500")
    simulator.wait_for_record(lambda record: record["outcome"] == "no_verdict", since)
    simulator.wait_for_record(passed, since + 20)
    parts = [record["true_part_id"] for record in simulator.truth()[since:]]
    assert parts == list(range(parts[0], parts[0] + len(parts))), "a part was lost or met the arm twice"


def test_torn_blocks(simulator: Simulator, agent: ScriptedAgent) -> None:
    torn = agent.torn
    simulator.type("torn 1000")
    wait_until(lambda: agent.torn >= torn + 2, "the agent has read torn blocks")
    simulator.type("torn 1")


def test_clearing_the_queue_begins_an_epoch(simulator: Simulator, agent: ScriptedAgent) -> None:
    since, epoch = len(simulator.truth()), simulator.get("PLC_EPOCH")
    simulator.type("epoch")
    simulator.wait_for_word("PLC_EPOCH", lambda now: now == epoch + 1)
    simulator.wait_for_record(untracked, since)
    simulator.wait_for_record(passed, len(simulator.truth()))


def test_a_restart_in_mid_belt(simulator: Simulator, agent: ScriptedAgent) -> None:
    since = len(simulator.truth())
    simulator.type("restart")
    lost = simulator.wait_for_record(untracked, since)
    assert lost["lane"] == "reject"
    simulator.wait_for_record(lambda record: record["outcome"] == "passed", simulator.truth().index(lost))
    simulator.reconnect()


def test_another_speed_puts_an_arm_by_time_out_of_step(simulator: Simulator, agent: ScriptedAgent) -> None:
    simulator.type(f"speed {NOMINAL_MM_S / 2:g}")
    simulator.wait_for_word("LINE_MM_S", lambda mm_s: mm_s == NOMINAL_MM_S // 2)
    simulator.wait_for_word("ENC_HZ", lambda counts: counts == NOMINAL_MM_S // 2 * 10)
    since = len(simulator.truth())
    simulator.wait_for_record(lambda record: record["seq"] and record["true_part_id"] != record["part_id"], since)
    simulator.type("stop")
    simulator.wait_for_word("ENC_HZ", lambda counts: counts == 0)
    wait_until(lambda: simulator.get("DECIDED_SEQ") == simulator.get("TRIG_HEAD"), "what was on its way is decided")
    before = simulator.words()
    wait_until(lambda: _since(before, simulator.words(), "PLC_HB") > 20, "some scans")
    for name in ("ENC_NOW", "TRIG_HEAD"):
        assert simulator.get(name) == PLC_BLOCK.get(before, name), "something has moved"
    simulator.type("go")
    simulator.wait_for_record(untracked, since)
    simulator.wait_for_word("LINE_MM_S", lambda mm_s: mm_s == NOMINAL_MM_S)
    epoch = simulator.get("PLC_EPOCH")
    simulator.type("epoch")
    simulator.wait_for_word("PLC_EPOCH", lambda now: now == epoch + 1)


def test_a_part_lost_and_edges_without_parts(simulator: Simulator, agent: ScriptedAgent) -> None:
    in_step(simulator)
    since = len(simulator.truth())
    simulator.type("lose")
    taken = simulator.wait_for_record(lambda record: record["arm"] == "taken_off", since)
    simulator.wait_for_record(lambda record: record["seq"] and record["true_part_id"] is None, since)
    assert taken["true_part_id"] not in [r["true_part_id"] for r in simulator.truth()[since:] if r["seq"]]
    for typed in ("ghost", "bounce"):
        since = len(simulator.truth())
        simulator.type(typed)
        simulator.wait_for_record(lambda record: record["seq"] and record["true_part_id"] is None, since)


def test_jam_and_blind(simulator: Simulator, agent: ScriptedAgent) -> None:
    agent.rejects = lambda part_id: True
    simulator.wait_for_record(lambda record: record["outcome"] == "rejected", len(simulator.truth()))
    confirmed = simulator.get("CONFIRM_CNT")
    simulator.wait_for_word("CONFIRM_CNT", lambda count: count > confirmed)
    since = len(simulator.truth())
    simulator.type("jam 60000")
    jammed = simulator.wait_for_record(lambda r: (r["outcome"], r["arm"]) == ("rejected", "let_pass"), since)
    assert not jammed["overkill"]
    simulator.type("jam 1")
    simulator.wait_for_record(lambda r: r["arm"] == "rejected", len(simulator.truth()))
    simulator.type("blind 60000")
    simulator.wait("menu: blind")
    count, since = simulator.get("CONFIRM_CNT"), len(simulator.truth())
    wait_until(lambda: len(simulator.truth()) > since + 10, "ten rejects")
    assert simulator.get("CONFIRM_CNT") - count <= 1, "a blind sensor has counted"
    simulator.type("blind 1")
    simulator.wait_for_word("CONFIRM_CNT", lambda now: now > count + 2)
    agent.rejects = lambda part_id: False


def test_a_challenge_part_judged_pass_stops_the_line_until_clear(simulator: Simulator, agent: ScriptedAgent) -> None:
    """This agent's handshake makes REJECT of it, and asks for a stop: that stops the belt."""
    since = len(simulator.truth())
    simulator.type("challenge")
    simulator.wait("belt stands: line stopped")
    simulator.wait_for_word("ENC_HZ", lambda counts: counts == 0)
    assert agent.challenges
    assert not simulator.get("CTRL") & Ctrl.LINE_RUNNING
    simulator.type("clear")
    simulator.wait("belt runs again")
    record = simulator.wait_for_record(lambda record: record["challenge"], since)
    assert (record["arm"], record["kind"], record["overkill"]) == ("rejected", "blowhole", False)
    wait_until(lambda: len(simulator.truth()) > since + 20, "parts")
    records = simulator.truth()[since:]
    parts = [record["true_part_id"] for record in records]
    assert parts == list(range(parts[0], parts[0] + len(parts)))
    assert all(r["part_id"] for r in records), "a stop by the PLC has put its timers out of step"


def test_the_belt_waits_for_the_job_and_not_for_the_agent(simulator: Simulator, agent: ScriptedAgent) -> None:
    starts = simulator.said().count("belt runs again")
    simulator.type("job 9")  # this agent has only its own
    simulator.wait("belt stands: job change")
    simulator.type("job 0")
    simulator.wait("belt runs again", starts + 1)
    agent.close()
    since = len(simulator.truth())
    wait_until(lambda: len(simulator.truth()) > since + 30, "parts pass while the agent is down")
    assert {record["outcome"] for record in simulator.truth()[-5:]} == {"no_verdict"}


def test_status_and_quit(simulator: Simulator) -> None:
    simulator.type("status")
    for text in ("PLC       epoch", "STATUS ONLINE READY", "  ALARM ", "PASS_CNT", "mm/s", "queue", "faults    none"):
        simulator.wait(text)
    simulator.type("quit")
    assert simulator.process.wait(10) == 0
    assert "Traceback" not in simulator.said()
