"""Profile B at the PLC, one rule a test: what it believes, what it announces, when it stops."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.inspection import PlcAction, Verdict
from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.register_map import HEARTBEAT_LIMIT_MS, OutcomeCode, Status
from tests.plc.bits_agent import DECIDE_MS, SCAN_MS
from tests.plc.bits_line import announced, announced_after_decision, running
from tests.plc.bits_world import GOOD, BitsWorld


@pytest.fixture
def world() -> BitsWorld:
    return running()


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ONLINE", 0),
        ("TRIGGER_ACK", None),
        ("RESULT_TOGGLE", None),
        ("PASS", 0),
        ("REJECT", 1),
        ("PART", None),
        ("RESULT", None),
        ("CODE", 1),
    ],
)
def test_a_pass_that_does_not_prove_itself_is_not_taken(world: BitsWorld, name: str, wrong: int | None) -> None:
    trigger = announced(world)
    world.deliver(trigger, Verdict.PASS)
    image = world.agent.handshake.block(GOOD, True)
    AGENT_BITS.put(image, [(name, AGENT_BITS.get(image, name) ^ 1 if wrong is None else wrong)])
    world.memory = image
    world.advance(2 * SCAN_MS)
    assert world.program.queue[0].outcome in (OutcomeCode.NO_VERDICT, OutcomeCode.NO_DECISION)


def test_bits_that_an_old_connection_left_over_prove_nothing(world: BitsWorld) -> None:
    """The PASS of the part before last has all toggles right; a PLC that looked at bits alone would let it pass."""
    world.deliver(announced(world), Verdict.PASS)
    old = world.agent.handshake.block(GOOD, True)[: len(AGENT_BITS.bits)]
    world.write()
    world.deliver(announced_after_decision(world), Verdict.PASS)
    world.write()
    trigger = announced_after_decision(world)
    assert PLC_BITS.get(world.program.words, "TRIGGER") == AGENT_BITS.get(old, "TRIGGER_ACK")
    assert PLC_BITS.get(world.program.words, "RESULT_ACK") != AGENT_BITS.get(old, "RESULT_TOGGLE")
    world.memory[: len(old)] = old
    world.advance(SCAN_MS)
    assert world.program.queue[0].outcome is OutcomeCode.NO_VERDICT
    world.deliver(trigger, Verdict.REJECT)
    world.memory = [*old, *world.agent.handshake.block(GOOD, True)[len(old) :]]
    world.advance(SCAN_MS)
    assert world.program.queue[0].outcome is OutcomeCode.NO_DECISION, "RESULT is right, but CODE is the REJECT's"


def test_after_its_decision_point_nothing_becomes_pass_even_when_a_scan_comes_late(world: BitsWorld) -> None:
    world.deliver(announced(world), Verdict.PASS)
    world.stalled = True
    world.advance(DECIDE_MS)
    world.write()  # the communication processor takes it although the program stands still
    world.finish()
    assert world.outcomes == {1: OutcomeCode.NO_VERDICT}


def test_a_silent_heartbeat_keeps_the_plc_from_taking(world: BitsWorld) -> None:
    trigger = announced(world)
    world.program.decide_ms = 5000
    world.memory = world.agent.handshake.block(GOOD, alive=False)
    assert AGENT_BITS.get(world.memory, "FAULT") == 1
    world.advance(HEARTBEAT_LIMIT_MS + 2 * SCAN_MS)
    world.deliver(trigger, Verdict.PASS)
    world.memory = world.agent.handshake.block(GOOD, alive=False)
    world.advance(2 * SCAN_MS)
    assert world.program.queue[0].outcome is OutcomeCode.NO_VERDICT


def test_the_heartbeat_is_slow_enough_for_a_scan_that_takes_two_writes(world: BitsWorld) -> None:
    """A bit that toggled with each write would stand still for the PLC."""
    scanned = []
    for _ in range(100):
        world.cycle(10)
        world.write()
        scanned.append(AGENT_BITS.get(world.memory, "AGENT_HB"))
    assert sum(a != b for a, b in pairwise(scanned)) in (9, 10)


def test_under_bypass_the_plc_lets_pass_whatever_the_verdict(world: BitsWorld) -> None:
    world.program.panel.bypass = True
    world.advance(SCAN_MS)
    trigger = announced(world)
    assert trigger.bypass
    world.deliver(trigger, Verdict.REJECT)
    world.finish()
    assert world.outcomes == {1: OutcomeCode.PASSED}
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.plc_action) == (Verdict.REJECT, PlcAction.PASSED)
    assert "BYPASSED" in world.agent.handshake.situation().status


def test_an_alarm_asks_the_plc_to_stop(world: BitsWorld) -> None:
    world.agent.handshake.ledger.alarms.limits = type(world.agent.handshake.limits)(consecutive_rejects=1)
    world.deliver(announced(world), Verdict.REJECT)
    world.write()
    assert (world.outputs()["STOP_REQUEST"], world.outputs()["FAULT"]) == (1, 1)
    world.advance(2 * SCAN_MS)
    assert world.inputs()["TRIGGER_ENABLE"] == 1, "it goes low between two parts only"
    world.finish()
    assert world.inputs()["TRIGGER_ENABLE"] == 0
    assert Status.STOP_REQUEST.name in world.agent.handshake.situation().status
