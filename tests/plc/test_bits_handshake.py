"""Profile B, one rule a test: the map, an answer in two steps, what begins anew, what gets no photo."""

from __future__ import annotations

import pytest

from agent.inspection import PlcAction, Reason, Verdict
from agent.plc.bit_map import AGENT_BITS, PLC_BITS, BitImage
from agent.plc.decision import MS
from agent.plc.register_map import OutcomeCode
from tests.plc.bits_agent import DECIDE_MS, GUARD_MS, SCAN_MS, WINDOW_MS
from tests.plc.bits_line import announced, announced_after_decision, running
from tests.plc.bits_world import BitsWorld


@pytest.fixture
def world() -> BitsWorld:
    return running()


# --- the map -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [PLC_BITS, AGENT_BITS], ids=["plc", "agent"])
def test_bits_and_registers_lie_from_zero_on_without_gap_or_overlap(image: BitImage) -> None:
    assert [bit.address for bit in image.bits] == list(range(len(image.bits)))
    assert [register.offset for register in image.registers] == list(range(len(image.registers)))
    assert all(register.words == 1 for register in image.registers)
    names = [item.name for item in (*image.bits, *image.registers)]
    assert len(set(names)) == len(names)
    assert len(image.bits) <= 16, "one word's worth: a small PLC maps them onto one"


def test_bits_stay_where_plc_programs_expect_them() -> None:
    assert " ".join(bit.name for bit in PLC_BITS.bits) == (
        "TRIGGER_ENABLE TRIGGER RESULT_ACK CLEAR_FAULT LINE_RUNNING BYPASS PLC_HB"
    )
    assert " ".join(bit.name for bit in AGENT_BITS.bits) == (
        "ONLINE TRIGGER_READY TRIGGER_ACK ACQUIRING EXPOSURE_DONE RESULT_TOGGLE PASS REJECT MISSED_ACQ OVERRUN FAULT "
        "AGENT_HB STOP_REQUEST"
    )
    assert [register.name for register in AGENT_BITS.registers] == ["PART", "RESULT", "CODE"]


# --- an answer in two steps ----------------------------------------------------------------------------------------


def test_pass_and_reject_are_0_until_the_plc_has_the_acknowledgement(world: BitsWorld) -> None:
    number = world.outputs()["PART"]
    world.part()
    world.advance(SCAN_MS)
    world.read()
    world.deliver(world.agent.waiting.popleft(), Verdict.PASS)
    first = world.outputs()
    assert (first["PASS"], first["REJECT"], first["TRIGGER_ACK"]) == (0, 0, world.inputs()["TRIGGER"])
    assert (first["PART"], first["RESULT"]) == (number + 1, number)
    assert first["RESULT_TOGGLE"] == world.inputs()["RESULT_ACK"]
    world.write(fault="lost", at_coils=True)
    assert world.outputs()["PASS"] == 0, "the PLC has not confirmed it"
    world.write()
    second = world.outputs()
    assert (second["PASS"], second["REJECT"], second["RESULT"], second["CODE"]) == (1, 0, number + 1, 0)
    assert second["RESULT_TOGGLE"] != world.inputs()["RESULT_ACK"]


@pytest.mark.parametrize(
    ("verdict", "bits", "outcome", "action"),
    [
        (Verdict.PASS, (1, 0, 0), OutcomeCode.PASSED, PlcAction.PASSED),
        (Verdict.REJECT, (0, 1, 1), OutcomeCode.REJECTED, PlcAction.REJECTED),
        (Verdict.NO_DECISION, (0, 0, 21), OutcomeCode.NO_DECISION, PlcAction.REJECTED_NO_DECISION),
    ],
)
def test_a_verdict_in_time_reaches_the_arm(
    world: BitsWorld, verdict: Verdict, bits: tuple[int, int, int], outcome: OutcomeCode, action: PlcAction
) -> None:
    world.deliver(announced(world), verdict)
    written = world.outputs()
    assert (written["PASS"], written["REJECT"], written["CODE"]) == bits
    world.finish()
    assert world.outcomes == {1: outcome}
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.plc_action, closed.in_time) == (verdict, action, True)


def test_a_result_that_the_plc_never_took_closes_as_unknown(world: BitsWorld) -> None:
    trigger = announced(world)
    world.stalled = True
    world.deliver(trigger, Verdict.PASS)
    world.write()
    world.advance(DECIDE_MS)
    world.finish()
    assert world.outcomes == {1: OutcomeCode.NO_VERDICT}
    assert world.agent.closed[0].plc_action is PlcAction.UNKNOWN
    world.deliver(announced(world), Verdict.PASS)
    world.finish()
    assert world.outcomes[2] is OutcomeCode.PASSED, "the next result is seen as a new one all the same"


def test_a_result_ack_before_the_result_is_believed_by_nobody(world: BitsWorld) -> None:
    world.deliver(announced(world), Verdict.PASS)
    words = [*world.program.words, world.connection]
    PLC_BITS.put(words, [("RESULT_ACK", 1 - PLC_BITS.get(words, "RESULT_ACK"))])
    world.agent.handshake.observe(words, world.now_ns, world.now_ns)
    assert [part.action for part in world.agent.handshake.ledger.parts.values()] == [None]


def test_what_was_settled_after_the_next_trigger_goes_nowhere(world: BitsWorld) -> None:
    """Its journal row took too long; the bits belong to the next part already."""
    world.deliver(announced(world), Verdict.PASS, hold=True)
    announced_after_decision(world)
    world.release()
    assert (world.outputs()["PASS"], world.outputs()["RESULT_TOGGLE"]) == (0, world.inputs()["RESULT_ACK"])


# --- what begins anew ----------------------------------------------------------------------------------------------


def test_the_first_read_of_a_connection_only_follows(world: BitsWorld) -> None:
    world.deliver(announced(world), Verdict.REJECT)
    open_part = announced_after_decision(world)
    world.connection += 1
    words = [*world.program.words, world.connection]
    PLC_BITS.put(words, [("TRIGGER", 1 - PLC_BITS.get(words, "TRIGGER"))])
    seen = world.agent.handshake.observe(words, world.now_ns, world.now_ns)
    assert (seen.triggers, [d.reason for d in seen.settled]) == ((), [Reason.EPOCH_CHANGED])
    assert seen.born is not None
    assert seen.born[0] > open_part.plc_epoch, "the journal writes a gap row for another epoch only"
    assert world.outputs()["TRIGGER_ACK"] == PLC_BITS.get(words, "TRIGGER")


def test_every_life_of_the_agent_has_epochs_and_numbers_of_its_own() -> None:
    worlds = [BitsWorld(agent_epoch) for agent_epoch in (7, 8)]
    born = []
    for world in worlds:
        seen = world.agent.handshake.observe([*PLC_BITS.new(), 1], 0, 0)
        born.append((seen.born, world.outputs()["PART"]))
    (first, a), (second, b) = born
    assert first[0] != second[0]
    assert a != b


@pytest.mark.parametrize("toggled", [False, True])
def test_trigger_enable_going_low_resets_the_trigger(world: BitsWorld, toggled: bool) -> None:
    """A PLC program that starts anew clears its outputs: no part has come."""
    announced(world)
    words = [*world.program.words, world.connection]
    trigger = PLC_BITS.get(words, "TRIGGER") ^ toggled
    PLC_BITS.put(words, [("TRIGGER_ENABLE", 0), ("TRIGGER", trigger)])
    seen = world.agent.handshake.observe(words, world.now_ns, world.now_ns)
    assert ([d.reason for d in seen.settled], seen.triggers) == ([Reason.EPOCH_CHANGED], ())
    PLC_BITS.put(words, [("TRIGGER", 1 - trigger)])
    assert world.agent.handshake.observe(words, world.now_ns, world.now_ns).triggers == (), "disabled: only followed"


# --- what gets no photo --------------------------------------------------------------------------------------------


def test_a_trigger_while_a_part_is_open_settles_both(world: BitsWorld) -> None:
    """The PLC decides earlier than we were told: whose photo is whose, and whose time, nobody knows."""
    old = announced(world)
    words = [*world.program.words, world.connection]
    PLC_BITS.put(words, [("TRIGGER", 1 - PLC_BITS.get(words, "TRIGGER"))])
    seen = world.agent.handshake.observe(words, world.now_ns, world.now_ns)
    assert seen.triggers == ()
    assert [(d.trigger.part_id, d.reason) for d in seen.settled] == [
        (old.part_id, Reason.RING_OVERRUN), (old.part_id + 1, Reason.RING_OVERRUN),
    ]  # fmt: skip
    for decision in seen.settled:
        world.agent.handshake.release(decision)
    world.write()
    assert world.outputs()["OVERRUN"] == 1
    assert (world.outputs()["PASS"], world.outputs()["REJECT"]) == (0, 0)
    for clear, sticky in ((1, 0), (1, 0), (0, 0)):
        PLC_BITS.put(words, [("CLEAR_FAULT", clear)])
        world.agent.handshake.observe(words, world.now_ns, world.now_ns)
        assert world.outputs()["OVERRUN"] == sticky


@pytest.mark.parametrize(("gap_ms", "allowed"), [(WINDOW_MS, True), (WINDOW_MS + 1, False)])
def test_a_trigger_after_too_long_a_gap_between_two_reads_is_never_photographed(
    world: BitsWorld, gap_ms: int, allowed: bool
) -> None:
    world.read()
    world.part()
    world.advance(gap_ms)
    world.read()
    assert bool(world.agent.waiting) is allowed
    settled = [p.decision.reason for p in world.agent.handshake.ledger.parts.values() if p.decision]
    assert settled == ([] if allowed else [Reason.CAPTURE_WINDOW])
    world.write()
    assert world.outputs()["MISSED_ACQ"] == (not allowed)


def test_the_deadline_counts_from_the_earliest_moment_of_the_edge(world: BitsWorld) -> None:
    before_ms = world.now_ms
    trigger = announced(world)
    assert trigger.earliest_ns == (before_ms - 2 * SCAN_MS) * MS
    assert trigger.deadline_ns == trigger.earliest_ns + (DECIDE_MS - GUARD_MS) * MS
    assert world.edge_ms[1] * MS <= trigger.latest_ns


def test_a_part_that_comes_too_close_is_rejected_without_a_trigger(world: BitsWorld) -> None:
    first = announced(world)
    world.cycle(3 * SCAN_MS)
    world.part()
    world.cycle()
    assert world.program.untriggered == 1
    world.deliver(first, Verdict.PASS)
    world.finish()
    assert world.outcomes == {1: OutcomeCode.PASSED, 2: OutcomeCode.NO_VERDICT}
    assert len(world.agent.closed) == 1


def test_an_edge_that_a_late_scan_sees_is_not_announced(world: BitsWorld) -> None:
    """The agent knows it by the time of TRIGGER, at which the next part may be under the lens."""
    world.stalled = True
    world.part()
    world.advance(3 * SCAN_MS)
    world.stalled = False
    world.cycle()
    assert (len(world.agent.waiting), world.program.untriggered) == (0, 1)


def test_out_of_step_there_is_no_ready_and_no_photo_until_clear_fault(world: BitsWorld) -> None:
    world.part()
    world.advance(SCAN_MS)
    world.agent.handshake.ledger.lose_step()
    world.read()
    assert not world.agent.waiting, "announced already when it came to light"
    assert world.agent.handshake.ledger.error_code is Reason.FRAME_MISMATCH
    world.cycle()
    assert [world.outputs()[name] for name in ("ONLINE", "TRIGGER_READY", "FAULT")] == [0, 0, 1]
    world.agent.handshake.ledger.clear_faults()
    world.cycle()
    assert [world.outputs()[name] for name in ("ONLINE", "FAULT")] == [1, 0]


def test_a_part_that_is_refused_takes_no_challenge_away(world: BitsWorld) -> None:
    ledger = world.agent.handshake.ledger
    ledger.challenge_next = True
    world.pause("R. Diaz")
    world.part()
    world.advance(SCAN_MS)
    world.read()
    assert [part.decision and part.decision.reason for part in ledger.parts.values()] == [Reason.OFFLINE]
    assert ledger.challenge_next, "the next one to be inspected is the challenge"
