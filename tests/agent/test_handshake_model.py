"""Model check of the handshake: PLC program × agent over a wire that loses, tears, repeats and delays.

The checks themselves are in handshake_world.py. The targeted tests below are DESIGN §3.3's amendments, one each.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.decision import Decision
from agent.plc.part import Part
from agent.plc.register_map import (
    AGENT_BLOCK,
    HEARTBEAT_LIMIT_MS,
    PLC_BLOCK,
    RING_SLOTS,
    Command,
    Ctrl,
    OutcomeCode,
    Status,
    VerdictCode,
)
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import PlcProgram
from tests.agent.handshake_world import (
    COUNTS_PER_S,
    DECIDE_COUNTS,
    DECIDE_MS,
    GOOD,
    GUARD_MS,
    MS,
    OTHER_JOB,
    OWN_JOB,
    SCAN_MS,
    UNKNOWN_JOB,
    WINDOW_MS,
    World,
)

few = st.sampled_from([False, False, False, True])
verdicts = st.sampled_from([Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION])


class HandshakeMachine(RuleBasedStateMachine):
    """Every order of events that hypothesis can think of."""

    @initialize(first_seq=st.sampled_from([0, 1, 14, 65_515, 65_530, 65_534, 65_535]), by_encoder=st.booleans())
    def start(self, first_seq: int, by_encoder: bool) -> None:
        self.world = World(first_seq, decide_counts=DECIDE_COUNTS if by_encoder else 0)
        for _ in range(3):
            self.world.cycle()

    @precondition(lambda self: self.world.job_is_set())
    @rule(count=st.integers(1, 6), pitch_ms=st.integers(1, 40), exchanged=st.booleans(), challenge=few)
    def parts_pass(self, count: int, pitch_ms: int, exchanged: bool, challenge: bool) -> None:
        for _ in range(count):
            self.world.part(challenge)
            self.world.cycle(pitch_ms) if exchanged else self.world.advance(pitch_ms)

    @rule(ms=st.integers(1, 300))
    def time_passes(self, ms: int) -> None:
        self.world.advance(ms)

    @rule(cycles=st.integers(1, 10))
    def good_exchanges(self, cycles: int) -> None:
        for _ in range(cycles):
            self.world.cycle()

    @rule(request_ms=st.integers(0, 150), answer_ms=st.integers(0, 150))
    def slow_read(self, request_ms: int, answer_ms: int) -> None:
        sampled = self.world.sample(request_ms, answer_ms)
        self.world.reads.append(sampled[0])
        self.world.observe(*sampled)

    @rule(ms=st.integers(0, 150))
    def lost_read(self, ms: int) -> None:
        """The link drops the connection, and with it whatever was still under way."""
        self.world.sample(ms)
        self.world.reads.clear()
        self.world.tick()

    @precondition(lambda self: self.world.reads)
    @rule(data=st.data())
    def stale_read(self, data: st.DataObject) -> None:
        words = self.world.reads[data.draw(st.integers(0, len(self.world.reads) - 1))]
        self.world.observe(list(words), self.world.now_ns, self.world.now_ns)

    @precondition(lambda self: self.world.reads)
    @rule(data=st.data(), cut=st.integers(1, PLC_BLOCK.count - 1), new_first=st.booleans())
    def torn_read(self, data: st.DataObject, cut: int, new_first: bool) -> None:
        old = self.world.reads[data.draw(st.integers(0, len(self.world.reads) - 1))]
        new, sent_ns, received_ns = self.world.sample()
        words = new[:cut] + old[cut:] if new_first else old[:cut] + new[cut:]
        self.world.observe(words, sent_ns, received_ns)

    @rule(acknowledged=st.booleans())
    def write_arrives(self, acknowledged: bool) -> None:
        self.world.write(acknowledged=acknowledged)

    @rule(cut=st.integers(0, AGENT_BLOCK.count), new_first=st.booleans(), scans=st.integers(0, 3))
    def torn_write(self, cut: int, new_first: bool, scans: int) -> None:
        self.world.write(cut, new_first)
        self.world.advance(scans * SCAN_MS)

    @precondition(lambda self: self.world.writes)
    @rule(data=st.data(), cut=st.integers(0, AGENT_BLOCK.count))
    def stale_write(self, data: st.DataObject, cut: int) -> None:
        """A block that an old connection still had in its buffers, whole or in part."""
        block = self.world.writes[data.draw(st.integers(0, len(self.world.writes) - 1))]
        self.world.plc.agent_words = block[:cut] + self.world.plc.agent_words[cut:]
        self.world.advance(SCAN_MS)

    @precondition(lambda self: self.world.agent.waiting)
    @rule(verdict=verdicts, hold=st.booleans())
    def verdict_comes(self, verdict: Verdict, hold: bool) -> None:
        self.world.release()
        self.world.deliver(self.world.agent.waiting.popleft(), verdict, hold)

    @precondition(lambda self: self.world.agent.waiting)
    @rule(verdict=verdicts)
    def all_verdicts_come(self, verdict: Verdict) -> None:
        self.world.release()
        while self.world.agent.waiting:
            self.world.deliver(self.world.agent.waiting.popleft(), verdict)
        self.world.write()

    @precondition(lambda self: self.world.agent.held)
    @rule(required=st.booleans())
    def journal_answers(self, required: bool) -> None:
        self.world.withdraw() if required else self.world.release()

    @precondition(lambda self: self.world.agent.waiting)
    @rule()
    def verdict_never_comes(self) -> None:
        self.world.agent.waiting.popleft()

    @precondition(lambda self: self.world.agent.delivered)
    @rule(data=st.data(), verdict=verdicts)
    def verdict_comes_again(self, data: st.DataObject, verdict: Verdict) -> None:
        earlier = data.draw(st.sampled_from(self.world.agent.delivered))
        again = replace(earlier, verdict=verdict, settled_ns=self.world.now_ns)
        assert self.world.settle(again) is None

    @rule(switch=st.sampled_from(["reject_all", "set_offline", "bypass", "clear_fault"]))
    def operator_turns_a_switch(self, switch: str) -> None:
        setattr(self.world.panel, switch, not getattr(self.world.panel, switch))

    @precondition(lambda self: self.world.job_read and not self.world.plc.edges)
    @rule(job=st.sampled_from([0, OWN_JOB, OTHER_JOB, UNKNOWN_JOB]))
    def operator_changes_the_job(self, job: int) -> None:
        self.world.select_job(job)

    @rule()
    def operator_pauses_or_resumes(self) -> None:
        self.world.pause("" if self.world.paused_by else "R. Diaz")

    @rule(job=st.sampled_from([OWN_JOB, OTHER_JOB]), parts_before=st.integers(0, 2), scanned=st.booleans())
    def operator_selects_a_recipe(self, job: int, parts_before: int, scanned: bool) -> None:
        """At the station itself, while parts pass: that takes no job of the PLC away."""
        for _ in range(parts_before if self.world.job_is_set() else 0):
            self.world.part()
            self.world.advance(SCAN_MS if scanned else 1)
        self.world.select_own_job(job)

    @rule(code=st.sampled_from([*Command, 99]))
    def plc_gives_a_command(self, code: int) -> None:
        self.world.command(code)

    @rule(counts_per_s=st.sampled_from([0, 1_000, COUNTS_PER_S, 2 * COUNTS_PER_S]))
    def belt_changes_its_speed(self, counts_per_s: int) -> None:
        self.world.counts_per_s = counts_per_s

    @rule()
    def plc_scan_stalls_or_goes_on(self) -> None:
        self.world.plc.stalled = not self.world.plc.stalled

    @rule()
    def agent_is_killed(self) -> None:
        self.world.restart_agent()

    @rule(keep_memory=st.booleans())
    def plc_restarts(self, keep_memory: bool) -> None:
        self.world.restart_plc(keep_memory)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()


TestHandshakeMachine = HandshakeMachine.TestCase
# With Phase.shrink hypothesis looks for the shortest way to a failure, for minutes; which examples it draws depends on
# what else is imported.
TestHandshakeMachine.settings = settings(max_examples=200, stateful_step_count=40, phases=[Phase.generate])


# --- DESIGN §3.3, one amendment a test -----------------------------------------------------------------------------


@pytest.fixture
def world() -> World:
    """A line that runs: the agent is READY at the PLC, no part on the belt yet."""
    world = World()
    for _ in range(3):
        world.cycle()
    return world


def announced(world: World) -> Trigger:
    """A part has passed the photo-eye and the agent has seen its trigger."""
    world.part()
    world.cycle()
    return world.agent.waiting.popleft()


def outcome_of(world: World, trigger: Trigger) -> OutcomeCode:
    world.finish()
    return world.outcomes[trigger.plc_epoch, trigger.part_id]


@pytest.mark.parametrize(
    ("verdict", "outcome", "action"),
    [
        (Verdict.PASS, OutcomeCode.PASSED, PlcAction.PASSED),
        (Verdict.REJECT, OutcomeCode.REJECTED, PlcAction.REJECTED),
        (Verdict.NO_DECISION, OutcomeCode.NO_DECISION, PlcAction.REJECTED_NO_DECISION),
    ],
)
def test_a_verdict_in_time_reaches_the_arm(
    world: World, verdict: Verdict, outcome: OutcomeCode, action: PlcAction
) -> None:
    trigger = announced(world)
    world.deliver(trigger, verdict)
    assert outcome_of(world, trigger) is outcome
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.plc_action, closed.late_verdict) == (verdict, action, None)
    assert closed.acknowledged_ns is not None


def test_a_part_without_a_verdict_is_rejected_and_closed_as_no_decision(world: World) -> None:
    trigger = announced(world)
    assert outcome_of(world, trigger) is OutcomeCode.NO_DECISION, "the agent says it itself, at its deadline"
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.reason) == (Verdict.NO_DECISION, Reason.DEADLINE)


def test_a_verdict_the_plc_never_got_is_no_decision_in_the_record(world: World) -> None:
    """The PLC decided without a verdict: a PASS that it never had must not stand in the journal as PASS."""
    trigger = announced(world)
    world.deliver(trigger, Verdict.PASS)
    world.advance(DECIDE_MS)
    assert outcome_of(world, trigger) is OutcomeCode.NO_VERDICT
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.reason, closed.late_verdict) == (Verdict.NO_DECISION, Reason.PLC_LINK, Verdict.PASS)


def test_a_new_seq_beside_an_old_pass_word_is_no_pass(world: World) -> None:
    """A slot torn anywhere between two results of the same place: nothing of the older one counts."""
    first = announced(world)
    world.deliver(first, Verdict.PASS)
    while (trigger := announced(world)).seq % RING_SLOTS != first.seq % RING_SLOTS:
        world.deliver(trigger, Verdict.PASS)
    start = next(ring for ring in AGENT_BLOCK.rings if ring.name == "RESULT").start(trigger.seq)
    before = list(world.plc.agent_words)
    assert before[start + 1] == VerdictCode.PASS ^ first.seq
    for name in ("RES_HEAD", "RES_TAIL"):
        AGENT_BLOCK.put(before, name, trigger.seq)
    before[start], before[start + 2] = trigger.seq, trigger.part_id & 0xFFFF
    world.plc.agent_words = before
    world.advance(2 * SCAN_MS)
    part = next(part for part in world.plc.program.queue if part.seq == trigger.seq)
    assert part.outcome is OutcomeCode.NO_VERDICT


@pytest.mark.parametrize("cut", range(1, AGENT_BLOCK.count))
def test_a_block_torn_at_any_word_gives_a_pass_only_with_its_whole_slot(world: World, cut: int) -> None:
    """The PLC scans a half-written block: head first or tail first, never a PASS the agent did not settle."""
    passed, other = announced(world), announced(world)
    world.deliver(passed, Verdict.PASS)
    world.deliver(other, Verdict.REJECT)
    world.write(cut, new_first=bool(cut % 2))
    world.advance(SCAN_MS)
    found = {part.seq: part.outcome for part in world.plc.program.queue}
    assert found[passed.seq] is OutcomeCode.NO_VERDICT, "half a block was believed: head and tail differed"
    assert found[other.seq] is OutcomeCode.NO_VERDICT


@pytest.mark.parametrize("wrong", ["AGENT_EPOCH", "PLC_EPOCH_ECHO", "MAP_ID", "STATUS", "RES_TAIL"])
def test_a_pass_from_a_block_that_does_not_prove_itself_is_not_copied(world: World, wrong: str) -> None:
    trigger = announced(world)
    world.deliver(trigger, Verdict.PASS)
    block = world.agent.handshake.block(GOOD, True)
    AGENT_BLOCK.put(block, wrong, AGENT_BLOCK.get(block, wrong) ^ 2)
    world.plc.agent_words = block
    world.advance(2 * SCAN_MS)
    assert world.plc.program.queue[0].outcome is OutcomeCode.NO_VERDICT


@pytest.mark.parametrize("wrong", ["seq", "verdict", "part_lo"])
def test_a_slot_with_one_wrong_bit_is_no_pass(world: World, wrong: str) -> None:
    trigger = announced(world)
    world.deliver(trigger, Verdict.PASS)
    block = world.agent.handshake.block(GOOD, True)
    slot = AGENT_BLOCK.slot(block, "RESULT", trigger.seq)
    AGENT_BLOCK.put_slot(block, "RESULT", trigger.seq, slot | {wrong: int(slot[wrong]) ^ 0x0100})
    world.plc.agent_words = block
    world.advance(2 * SCAN_MS)
    assert world.plc.program.queue[0].outcome is OutcomeCode.NO_VERDICT


def test_a_read_whose_head_and_tail_differ_is_discarded(world: World) -> None:
    world.part()
    world.advance(SCAN_MS)
    words, sent_ns, received_ns = world.sample()
    torn = list(words)
    PLC_BLOCK.put(torn, "TRIG_TAIL", 0)
    seen = world.agent.handshake.observe(torn, sent_ns, received_ns)
    assert seen.torn
    assert seen.triggers == seen.settled == ()
    assert len(world.agent.handshake.observe(words, sent_ns, received_ns).triggers) == 1, "the next good read has it"


def test_an_old_answer_that_comes_back_announces_nothing_twice(world: World) -> None:
    old, _, _ = world.sample()
    triggers = [announced(world) for _ in range(3)]
    again = world.agent.handshake.observe(old, world.now_ns, world.now_ns)
    assert again.torn
    world.cycle()
    assert not world.agent.waiting
    assert len(triggers) == len(world.agent.settled) + 3


@pytest.mark.parametrize(("late_ms", "allowed"), [(WINDOW_MS - 20, True), (WINDOW_MS + 10, False)])
def test_a_trigger_beyond_the_capture_window_is_never_photographed(world: World, late_ms: int, allowed: bool) -> None:
    world.part()
    world.cycle(late_ms)
    assert bool(world.agent.waiting) is allowed
    reasons = [closed.decision.reason for closed in world.agent.closed] or [d.reason for d in settled_by(world)]
    assert reasons == ([] if allowed else [Reason.CAPTURE_WINDOW])


def test_the_time_an_answer_takes_counts_towards_the_capture_window(world: World) -> None:
    world.part()
    world.advance(SCAN_MS)
    world.observe(*world.sample(answer_ms=WINDOW_MS + SCAN_MS))
    assert not world.agent.waiting, "it was young when sampled, but it is old now"


@pytest.mark.parametrize(("before_deadline_ms", "verdict"), [(1, Verdict.PASS), (0, Verdict.NO_DECISION)])
def test_the_last_moment_for_a_pass_is_decide_ms_less_the_guard(
    world: World, before_deadline_ms: int, verdict: Verdict
) -> None:
    trigger = announced(world)
    edge_ns = world.edge_ms[trigger.part_id] * MS
    assert trigger.deadline_ns <= edge_ns + (DECIDE_MS - GUARD_MS + SCAN_MS) * MS
    decision = Decision(trigger, Verdict.PASS, Reason.OK, trigger.deadline_ns - before_deadline_ms)
    settled = world.agent.handshake.ledger.settle(decision)
    assert settled is not None
    assert settled.verdict is verdict


def test_after_its_decision_point_nothing_becomes_pass_even_when_a_scan_comes_late(world: World) -> None:
    trigger = announced(world)
    world.deliver(trigger, Verdict.PASS)
    world.plc.stalled = True
    world.advance(DECIDE_MS)
    world.write()  # the communication processor takes it although the program stands still
    assert outcome_of(world, trigger) is OutcomeCode.NO_VERDICT


def test_the_agent_epoch_is_latched_at_the_trigger(world: World) -> None:
    """A restarted agent may not pass a part that was announced to the one before it."""
    trigger = announced(world)
    world.restart_agent()
    for _ in range(3):
        world.cycle()
    assert world.plc.program.agent_ready
    impostor = Part(trigger, trigger.deadline_ns)
    world.agent.handshake.ledger.parts[trigger.key] = impostor
    world.deliver(trigger, Verdict.PASS)
    world.passes.clear()
    world.write()
    world.advance(2 * SCAN_MS)
    assert world.plc.program.queue[0].outcome is OutcomeCode.NO_VERDICT


def test_a_new_plc_epoch_drops_open_work(world: World) -> None:
    passed, trigger = announced(world), announced(world)
    world.deliver(passed, Verdict.PASS)
    world.restart_plc(keep_memory=True)
    world.cycle()
    closed = world.agent.closed[-1]
    assert (closed.reason, closed.plc_action) == (Reason.EPOCH_CHANGED, PlcAction.UNKNOWN)
    assert world.deliver(trigger, Verdict.PASS) is None
    block = world.agent.handshake.block(GOOD, True)
    assert AGENT_BLOCK.get(block, "PLC_EPOCH_ECHO") == world.plc.epoch
    assert AGENT_BLOCK.slot(block, "RESULT", passed.seq)["verdict"] == 0, "results of the old epoch are wiped out"


def test_a_verdict_withdrawn_after_the_epoch_ended_does_no_harm(world: World) -> None:
    """The journal was slow (required = true), and the PLC restarted in between."""
    world.deliver(announced(world), Verdict.PASS, hold=True)
    world.restart_plc(keep_memory=False)
    world.cycle()
    world.withdraw()
    world.finish()
    assert all(closed.verdict is Verdict.NO_DECISION for closed in world.agent.closed)


@pytest.mark.parametrize("unseen", [15, 16, 17, 40])
@pytest.mark.parametrize("first_seq", [0, 65_520])
def test_what_the_ring_no_longer_holds_is_ring_overrun(unseen: int, first_seq: int) -> None:
    world = World(first_seq)
    for _ in range(3):
        world.cycle()
    for _ in range(unseen):
        world.part()
        world.advance(1)
    world.cycle(SCAN_MS)
    lost = [d for d in settled_by(world) if d.reason is Reason.RING_OVERRUN]
    assert len(lost) == max(0, unseen - (RING_SLOTS - 1))
    assert len(world.agent.waiting) == min(unseen, RING_SLOTS - 1)
    status = Status(AGENT_BLOCK.get(world.agent.handshake.block(GOOD, True), "STATUS"))
    assert (Status.RING_OVERRUN in status) == bool(lost)
    world.finish()


def test_sticky_bits_stay_until_clear_fault_rises(world: World) -> None:
    world.part()
    world.cycle(WINDOW_MS * 2)
    handshake = world.agent.handshake
    assert Status.MISSED_ACQ in Status(AGENT_BLOCK.get(handshake.block(GOOD, True), "STATUS"))
    for ctrl, sticky in ((Ctrl.CLEAR_FAULT, False), (Ctrl.CLEAR_FAULT, False), (Ctrl(0), False)):
        world.advance(SCAN_MS)
        words, sent_ns, received_ns = world.sample()
        PLC_BLOCK.put(words, "CTRL", ctrl)
        handshake.observe(words, sent_ns, received_ns)
        assert (Status.MISSED_ACQ in Status(AGENT_BLOCK.get(handshake.block(GOOD, True), "STATUS"))) is sticky


def test_a_silent_heartbeat_keeps_the_plc_from_copying(world: World) -> None:
    """An agent whose stages hang still answers: its verdicts count no more."""
    assert world.plc.program.agent_ready
    trigger = announced(world)
    world.deliver(trigger, Verdict.PASS)
    block = world.agent.handshake.block(GOOD, alive=False)
    world.plc.program.decide_ms = 5000
    world.advance(HEARTBEAT_LIMIT_MS + 2 * SCAN_MS)
    world.plc.agent_words = block
    world.advance(2 * SCAN_MS)
    assert not world.plc.program.agent_ready
    assert world.plc.program.queue[0].outcome is OutcomeCode.NO_VERDICT


def test_a_ring_left_over_from_the_epoch_before_is_not_believed() -> None:
    """The PLC counts its parts anew; the first block with the new echo may be torn, with the old ring in it."""
    block = World().agent.handshake.block(GOOD, True)
    AGENT_BLOCK.put(block, "PLC_EPOCH_ECHO", 2)
    AGENT_BLOCK.put_slot(
        block, "RESULT", 1, {"seq": 1, "verdict": VerdictCode.PASS ^ 1, "part_lo": 77, "reason": Reason.OK}
    )
    program = PlcProgram(2, DECIDE_MS)
    program.scan(0, [], [0] * AGENT_BLOCK.count)
    program.scan(SCAN_MS, [Edge(77, SCAN_MS)], block)
    program.scan(2 * SCAN_MS, [], block)
    assert program.queue[0].outcome is OutcomeCode.NO_VERDICT


def test_a_part_that_stood_before_the_ring_forgot_it_does_not_hold_up_the_rest() -> None:
    """Its deadline was far off while the belt stood, and its outcome was overwritten: it must close all the same."""
    world = World(decide_counts=DECIDE_COUNTS)
    for _ in range(3):
        world.cycle()
    world.counts_per_s = 0
    for unseen in (11, 6):
        for _ in range(unseen):
            world.part()
        world.cycle(2 * WINDOW_MS)
    world.finish()


def test_a_part_that_the_plc_has_decided_on_is_not_open_any_more() -> None:
    """When it was last seen the belt stood, and its deadline lay far off; then the belt ran while nobody looked."""
    world = World(decide_counts=DECIDE_COUNTS)
    for _ in range(3):
        world.cycle()
    world.counts_per_s = 0
    announced(world)
    world.counts_per_s = COUNTS_PER_S
    world.advance(2 * DECIDE_MS)
    world.finish()


def test_parts_close_in_the_order_of_their_triggers(world: World) -> None:
    """A part whose row is not on disk yet holds back those after it."""
    first, second = announced(world), announced(world)
    settled = world.agent.handshake.ledger.settle(Decision(first, Verdict.REJECT, Reason.DEFECT, world.now_ns))
    assert settled is not None
    world.agent.settled[first] += 1
    world.deliver(second, Verdict.PASS)
    for _ in range(60):
        world.cycle()
    assert not world.agent.closed
    world._release(settled)
    world.finish()
    assert [closed.decision.trigger for closed in world.agent.closed] == [first, second]


def settled_by(world: World) -> list[Decision]:
    """What the handshake itself has settled and not yet closed."""
    return [part.decision for part in world.agent.handshake.ledger.parts.values() if part.decision is not None]
