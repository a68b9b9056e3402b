"""Coils of the reject arm against a belt that truly runs: who is let pass, and who never is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inspection import PlcAction, Verdict
from agent.plc.arm.reject_timer import ArmWiring
from tests.plc.belt_world import (
    CYCLE_MS,
    DISTANCE,
    KNOWN_MS,
    PASS_COIL,
    PULSE_MS,
    REJECT_COIL,
    SCAN_MS,
    BeltWorld,
    TruePart,
)

TO_PASS = ArmWiring(DISTANCE, PULSE_MS, 0, pass_coil=PASS_COIL)
TO_REJECT = ArmWiring(DISTANCE, PULSE_MS, 0, reject_coil=REJECT_COIL)
FASTEST = 800
ERROR_MS = SCAN_MS + CYCLE_MS
"""On a steady belt nobody is further out than this."""
APART = FASTEST * (PULSE_MS / 2 + KNOWN_MS + ERROR_MS + 1) / 1000
"""So far apart, no change of speed between two readings can bring a part into its neighbour's window."""
verdicts = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION, None])
belts = st.lists(st.tuples(st.integers(10, 250), verdicts), min_size=1, max_size=8)
"""(ms to the next part, verdict)"""
speeds = st.sampled_from([0, 50, 200, 400, 400, FASTEST])


@settings(max_examples=60)
@given(data=st.data(), by_encoder=st.booleans())
def test_nothing_unproven_ever_meets_the_pass_coil(data: st.DataObject, by_encoder: bool) -> None:
    """Belts that stop, creep and race, reads that are lost, verdicts too late, epochs that end."""
    world = BeltWorld(TO_PASS, by_encoder)
    for _ in range(data.draw(st.integers(3, 12))):
        if not world.parts or world.position - world.parts[-1].eye_at > APART:
            world.part(data.draw(verdicts), data.draw(st.integers(0, 1500)))
        world.speed = data.draw(speeds)
        world.reading = data.draw(st.integers(0, 4)) > 0
        if data.draw(st.integers(0, 9)) == 0:
            world.new_epoch()
        world.run(data.draw(st.integers(5, 400)))
    world.reading, world.speed = True, 400
    world.run(1500)
    for part in world.parts:
        if part.arrived_ms is not None and not part.proven:
            assert not world.state_at(PASS_COIL, part.arrived_ms), f"part {part.seq} was let pass"
            assert world.actions.get(part.seq) is not PlcAction.PASSED
    assert not world.missed


@pytest.mark.parametrize("by_encoder", [True, False])
@settings(max_examples=25)
@given(belt=belts, speed=st.sampled_from([200, 700]))
def test_on_a_steady_belt_each_gets_what_it_deserves(
    by_encoder: bool, belt: list[tuple[int, Verdict | None]], speed: int
) -> None:
    """However close the parts lie: what is proven and has no other kind in its window passes, and its coil says so."""
    world = running(TO_PASS, belt, speed, by_encoder)
    for part in world.parts:
        if part.proven and alone(part, world.parts):
            assert pulse(world, PASS_COIL, part) >= PULSE_MS - 2, "the pulse is too short, or not centred"
            assert world.actions[part.seq] is PlcAction.PASSED
        if not part.proven:
            assert pulse(world, PASS_COIL, part, on=False) >= PULSE_MS - 2, "let pass"
            assert world.actions[part.seq] is not PlcAction.PASSED
    assert not world.missed


@settings(max_examples=25)
@given(belt=belts, speed=st.sampled_from([200, 700]))
def test_energised_to_reject_the_coil_is_on_for_everything_unproven(
    belt: list[tuple[int, Verdict | None]], speed: int
) -> None:
    world = running(TO_REJECT, belt, speed)
    for part in world.parts:
        if not part.proven:
            assert pulse(world, REJECT_COIL, part) >= PULSE_MS - 2
        elif alone(part, world.parts):
            assert not world.state_at(REJECT_COIL, arrival(part)), "a proven part was rejected"
    assert not world.missed


def running(
    wiring: ArmWiring, belt: list[tuple[int, Verdict | None]], speed: float, by_encoder: bool = True
) -> BeltWorld:
    """Parts at these pitches in ms, with these verdicts, on a belt that never changes its speed."""
    world = BeltWorld(wiring, by_encoder)
    world.speed = speed
    world.run(int(DISTANCE / speed * 1000) + 100)  # nothing of before is on it any more
    for pitch_ms, verdict in belt:
        world.part(verdict)
        world.run(pitch_ms)
    world.run(int(DISTANCE / speed * 1000) + 200)
    return world


def arrival(part: TruePart) -> int:
    assert part.arrived_ms is not None
    return part.arrived_ms


def alone(part: TruePart, parts: list[TruePart]) -> bool:
    """Is nothing unproven in its window?"""
    others = [other for other in parts if not other.proven]
    return all(abs(arrival(other) - arrival(part)) > PULSE_MS + 2 * ERROR_MS for other in others)


def pulse(world: BeltWorld, coil: int, part: TruePart, on: bool = True) -> int:
    """How long the coil keeps that state without a break round the part's arrival; half of it on either side."""
    sides = []
    for step in (-1, 1):
        at_ms = arrival(part)
        while world.history[0][0] <= at_ms <= world.now_ms and world.state_at(coil, at_ms) is on:
            at_ms += step
        sides.append(abs(at_ms - arrival(part)) + ERROR_MS)
    return 2 * min(sides)


# --- one thing each ------------------------------------------------------------------------------------------------


def test_a_verdict_after_the_window_has_opened_is_never_applied() -> None:
    world = BeltWorld(TO_PASS)
    world.run(50)
    part = world.part(Verdict.PASS, delay_ms=990)  # at 400 mm/s the arm is a second away
    world.run(1200)
    assert not world.ever_on(PASS_COIL)
    assert world.actions == {part.seq: PlcAction.REJECTED_NO_VERDICT}


def test_a_belt_that_stands_holds_its_picture_and_goes_on() -> None:
    """Stopped just before the arm, for longer than any estimate would last: the part still gets its pulse."""
    world = BeltWorld(TO_PASS)
    world.run(50)
    part = world.part(Verdict.PASS)
    world.run(900)
    world.speed = 0
    world.run(5000)
    assert not world.ever_on(PASS_COIL)
    world.speed = 400
    world.run(300)
    assert world.state_at(PASS_COIL, arrival(part))
    assert world.actions == {part.seq: PlcAction.PASSED}


def test_after_a_gap_counts_are_known_and_millimetres_are_not() -> None:
    for by_encoder, action in ((True, PlcAction.PASSED), (False, PlcAction.REJECTED_NO_VERDICT)):
        world = BeltWorld(TO_PASS, by_encoder)
        world.run(50)
        part = world.part(Verdict.PASS)
        world.run(100)
        world.reading = False
        world.run(100)
        world.speed = 50
        world.run(2000)  # at the old speed the part would have been at the arm
        world.reading, world.speed = True, 400
        world.run(1500)
        assert world.actions == {part.seq: action}
        assert world.state_at(PASS_COIL, arrival(part)) is by_encoder


@pytest.mark.parametrize("failing", ["reading", "scanning"])
def test_a_pulse_ends_where_the_belt_is_no_longer_known(failing: str) -> None:
    """No read gets through, or the PLC's program stands still and its memory is read on."""
    world = BeltWorld(replace(TO_PASS, pulse_ms=300))
    world.run(50)
    world.part(Verdict.PASS)
    world.run(900)
    assert world.on[PASS_COIL]
    setattr(world, failing, False)
    world.run(100)
    assert not world.on[PASS_COIL], "the part is not at the arm yet, as far as anybody knows"


def test_a_new_epoch_takes_back_what_was_proven() -> None:
    world = BeltWorld(TO_PASS)
    world.run(50)
    world.part(Verdict.PASS)
    world.run(500)
    world.new_epoch()
    world.run(800)
    assert not world.ever_on(PASS_COIL)


def test_a_part_that_was_slow_at_the_photo_eye_gets_its_whole_pulse() -> None:
    world = BeltWorld(TO_PASS)
    world.speed = 40
    world.run(50)
    part = world.part(Verdict.PASS)
    world.run(100)
    world.speed = 400
    world.run(1300)
    assert pulse(world, PASS_COIL, part) >= PULSE_MS - 2


@pytest.mark.parametrize("wiring", [TO_PASS, TO_REJECT])
def test_nothing_is_proven_while_the_belt_is_not_known(wiring: ArmWiring) -> None:
    world = BeltWorld(wiring)
    world.run(1500)
    part = world.part(Verdict.PASS)
    world.run(850)
    world.reading = False
    world.run(300)
    assert world.state_at(wiring.coils[0], arrival(part)) is (wiring is TO_REJECT)


def test_an_edge_latched_after_the_reading_it_came_with_is_not_a_whole_turn_ago() -> None:
    world = BeltWorld(TO_PASS)
    world.run(50)
    part = world.part(Verdict.PASS)
    assert part.trigger is not None
    part.trigger = replace(part.trigger, enc=(part.trigger.enc + 20) & 0xFFFF)
    world.run(1300)
    assert world.actions == {part.seq: PlcAction.PASSED}


def test_the_lead_is_sent_ahead_and_leaves_the_pulse_centred() -> None:
    world = running(replace(TO_PASS, lead_ms=40), [(100, Verdict.PASS)], 400)
    (part,) = world.parts
    on = [at_ms for at_ms, state in world.history if state[PASS_COIL]]
    assert abs((on[0] + on[-1]) / 2 + 40 - arrival(part)) <= ERROR_MS


def test_what_lies_before_the_arm_at_the_start_is_rejected_also_by_a_coil() -> None:
    world = BeltWorld(TO_REJECT)
    world.run(900)
    assert all(state[REJECT_COIL] for at_ms, state in world.history[30:]), "parts of before our start were let pass"
    world.run(300)
    assert not world.on[REJECT_COIL]


def test_when_not_allowed_nothing_passes_not_even_the_rest_of_a_window() -> None:
    world = BeltWorld(TO_PASS)
    world.run(50)
    world.part(Verdict.PASS)
    world.run(980)
    assert world.on[PASS_COIL]
    passing = [state[PASS_COIL] for _, state in world.history].count(True)
    world.timer.allowed = False
    world.run(3)
    world.timer.allowed = True
    world.run(40)
    assert [state[PASS_COIL] for _, state in world.history].count(True) == passing


@pytest.mark.parametrize("wiring", [TO_PASS, TO_REJECT])
def test_a_change_that_cannot_be_written_is_a_missed_reject(wiring: ArmWiring) -> None:
    """The coil stands as for the proven part before, and cannot be changed for the one that follows."""
    world = BeltWorld(wiring)
    world.run(1500)
    good = world.part(Verdict.PASS)
    world.run(150)
    bad = world.part(Verdict.REJECT)
    world.run(1000 - 150 + 5)
    world.writing = False
    world.run(300)
    assert world.missed == [bad.seq]
    assert world.actions == {good.seq: PlcAction.PASSED, bad.seq: PlcAction.PASSED}
