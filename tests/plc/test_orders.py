"""What the PLC orders besides triggers, and what the agent raises: each on the pure handshake, word by word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.inspection import Defect, Inspection, Judgement, PlcAction, Reason, Trigger, Verdict
from agent.plc.alarms import AlarmLimits
from agent.plc.decision import Closed, Decision, Observation, Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.ledger import MOST_PARTS, Ledger
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Alarm, Ctrl, OutcomeCode, Status
from agent.plc.sim.inputs import BeltInputs, Edge
from agent.plc.sim.program import PlcProgram
from agent.plc.slots import BELT_STANDS_MS
from agent.setup import Setup

MS = 1_000_000
GOOD = Status.ONLINE | Status.READY
DECIDE_MS, GUARD_MS, SCAN_MS, WINDOW_MS = 400, 25, 5, 100
COUNTS_PER_MS = 3


class Desk:
    """A PLC program and an agent with a perfect wire between them: a scan, a read and a write each 10 ms."""

    def __init__(self, limits: AlarmLimits | None = None, decide_counts: int = 0) -> None:
        self.now_ms = 1000
        self.program = PlcProgram(1, DECIDE_MS, decide_counts=decide_counts)
        recipes = {1: ("own", "1111"), 2: ("other", "2222")}
        facts = Facts(Setup(recipes=recipes, classes=("background", "crack")))
        self.handshake = Handshake(Timing(WINDOW_MS, GUARD_MS, SCAN_MS), 1, facts, limits or AlarmLimits())
        self.agent_words = [0] * AGENT_BLOCK.count
        self.parts = 0
        self.belt = BeltInputs()
        self.closed: list[Closed] = []
        self.settled: list[Decision] = []
        self.outcomes: dict[int, OutcomeCode] = {}
        for _ in range(4):
            self.cycle()

    @property
    def now_ns(self) -> int:
        return self.now_ms * MS

    def cycle(self, *edges: Edge) -> Observation:
        self.now_ms += 10
        for part in self.program.scan(self.now_ms, list(edges), self.agent_words, self.belt):
            self.outcomes[part.part_id] = part.outcome
        seen = self.handshake.observe(list(self.program.words), self.now_ns, self.now_ns)
        for decision in seen.settled + self.handshake.ledger.expire(self.now_ns):
            self.settled.append(decision)
            self.handshake.release(decision)
        self.closed += self.handshake.ledger.close(self.now_ns)
        self.agent_words = self.handshake.block(GOOD, True)
        self.handshake.acknowledged(self.agent_words, self.now_ns)
        return seen

    def part(self, challenge: bool = False) -> Trigger | None:
        """A part passes the photo-eye; its trigger, None when the agent refuses it a photo."""
        self.parts += 1
        seen = self.cycle(Edge(self.parts, self.now_ms + 10, self.belt.encoder, challenge))
        return seen.triggers[0] if seen.triggers else None

    def deliver(self, trigger: Trigger, verdict: Verdict, alarm: bool = False) -> Decision:
        reason = {Verdict.PASS: Reason.OK, Verdict.REJECT: Reason.DEFECT}.get(verdict, Reason.FRAME_TIMEOUT)
        defects = (Defect("crack", 0.9, 1.0, 1.0, 0.0, 0.0, True),) if alarm else ()
        seen = Inspection(trigger, Judgement(verdict, reason, defects, alarm), {}, self.now_ns)
        settled = self.handshake.ledger.settle(Decision(trigger, verdict, reason, self.now_ns, evidence=seen))
        assert settled is not None
        self.handshake.release(settled)
        self.cycle()
        return settled

    def inspect(self, verdict: Verdict, challenge: bool = False) -> Decision:
        trigger = self.part(challenge)
        assert trigger is not None
        return self.deliver(trigger, verdict)

    def word(self, name: str) -> int:
        return AGENT_BLOCK.get(self.agent_words, name)

    @property
    def status(self) -> Status:
        return Status(self.word("STATUS"))

    @property
    def alarms(self) -> Alarm:
        return Alarm(self.word("ALARM"))

    def finish(self) -> dict[int, OutcomeCode]:
        for _ in range(200):
            self.cycle()
        return self.outcomes

    def clear(self) -> None:
        """The operator holds the button until the line may run."""
        self.program.panel.clear_fault = True
        self.cycle()
        self.cycle()
        self.program.panel.clear_fault = False
        self.cycle()


@pytest.fixture
def desk() -> Desk:
    return Desk()


# --- orders ----------------------------------------------------------------------------------------------------------


def test_set_offline_takes_the_station_off_and_refuses_photos(desk: Desk) -> None:
    desk.program.panel.set_offline = True
    desk.cycle()
    assert not desk.status & GOOD
    assert desk.part() is None
    assert desk.settled[-1].reason is Reason.OFFLINE
    desk.program.panel.set_offline = False
    desk.cycle()
    assert desk.status & GOOD == GOOD
    assert desk.inspect(Verdict.PASS).verdict is Verdict.PASS


def test_an_operators_pause_takes_the_station_off_as_set_offline_does(desk: Desk) -> None:
    limits = AlarmLimits(consecutive_no_decisions=2)
    desk = Desk(limits)
    under_way = desk.part()
    assert under_way is not None
    desk.handshake.ledger.paused_by = "R. Diaz"
    for _ in range(3):
        assert desk.part() is None
        assert (desk.settled[-1].reason, desk.settled[-1].detail) == (Reason.OFFLINE, "paused by R. Diaz")
    assert not desk.status & GOOD
    assert not desk.alarms, "it was ordered: no sign of a fault"
    assert desk.deliver(under_way, Verdict.PASS).verdict is Verdict.PASS
    desk.handshake.ledger.paused_by = ""
    desk.cycle()
    assert desk.status & GOOD == GOOD
    assert desk.inspect(Verdict.PASS).verdict is Verdict.PASS


def test_an_operators_recipe_is_in_use_where_the_plc_selects_none(desk: Desk) -> None:
    before = desk.part()
    desk.handshake.select_job(2, desk.now_ns)
    assert [desk.part(), desk.part()] == [None, None]
    assert {decision.reason for decision in desk.settled[-2:]} == {Reason.JOB_CHANGE}
    after = desk.part()
    assert before is not None
    assert after is not None
    assert (before.job, after.job) == (1, 2)
    assert (desk.word("JOB_CURRENT"), desk.word("RECIPE_ID")) == (2, 0x2222)
    assert desk.handshake.job_of_plc == 0
    desk.program.panel.job = 1
    desk.cycle()
    desk.cycle()
    assert (desk.word("JOB_CURRENT"), desk.handshake.job_of_plc) == (1, 1), "the PLC's word goes before the operator's"


@pytest.mark.parametrize("ordered_at", ["trigger", "verdict"])
def test_under_reject_all_no_part_is_pass(desk: Desk, ordered_at: str) -> None:
    desk.program.panel.reject_all = ordered_at == "trigger"
    trigger = desk.part()
    assert trigger is not None
    desk.program.panel.reject_all = ordered_at == "verdict"
    desk.cycle()
    settled = desk.deliver(trigger, Verdict.PASS)
    assert (settled.verdict, settled.reason) == (Verdict.REJECT, Reason.REJECT_ALL)
    assert settled.evidence is not None, "what was seen stays in the record"
    assert desk.finish()[1] is OutcomeCode.REJECTED


def test_bypass_is_the_plcs_business_and_is_flagged(desk: Desk) -> None:
    desk.program.panel.bypass = True
    desk.cycle()
    trigger = desk.part()
    assert trigger is not None
    assert trigger.bypass
    assert desk.deliver(trigger, Verdict.REJECT).verdict is Verdict.REJECT, "Linegate never writes PASS because of it"
    assert Status.BYPASSED in desk.status
    assert desk.finish()[1] is OutcomeCode.PASSED
    assert Alarm.PASSED_UNPROVEN not in desk.alarms


def test_parts_on_the_belt_when_bypass_comes_on_are_flagged_and_alarm_nobody(desk: Desk) -> None:
    desk.inspect(Verdict.REJECT)
    desk.program.panel.bypass = True
    desk.finish()
    (closed,) = desk.closed
    assert (closed.plc_action, closed.bypass) == (PlcAction.PASSED, True)
    assert not desk.alarms


def test_a_part_keeps_the_job_of_its_trigger_and_the_plc_reads_it_back(desk: Desk) -> None:
    old = desk.part()
    desk.program.panel.job = 2
    desk.cycle()
    desk.cycle()
    assert (desk.word("JOB_CURRENT"), desk.word("RECIPE_ID")) == (2, 0x2222)
    new = desk.part()
    assert old is not None
    assert new is not None
    assert (old.job, new.job) == (1, 2)


def test_a_part_announced_while_the_job_changes_is_not_inspected(desk: Desk) -> None:
    """It may belong to either: the PLC shall wait for the read-back."""
    desk.program.panel.job = 2
    assert desk.part() is None
    assert desk.settled[-1].reason is Reason.JOB_CHANGE
    assert desk.part() is not None


def test_an_unknown_job_takes_the_station_off(desk: Desk) -> None:
    desk.program.panel.job = 9
    desk.cycle()
    assert not desk.status & GOOD
    assert Status.CMD_FAILED in desk.status
    assert (desk.word("JOB_CURRENT"), desk.word("ERROR_CODE")) == (1, Reason.JOB_UNKNOWN)
    assert desk.part() is None
    assert desk.settled[-1].reason is Reason.JOB_UNKNOWN
    desk.program.panel.job = 0
    desk.cycle()
    assert desk.status & GOOD == GOOD
    assert desk.word("ERROR_CODE") == Reason.JOB_UNKNOWN, "the reason of that part's NO_DECISION, until CLEAR_FAULT"


def test_a_command_runs_once_per_sequence(desk: Desk) -> None:
    desk.inspect(Verdict.PASS)
    assert desk.word("PASS_CNT") == 1
    desk.program.panel.command, desk.program.panel.command_seq = 1, 7
    desk.cycle()
    desk.cycle()
    assert (desk.word("PASS_CNT"), desk.word("CMD_ACK_SEQ")) == (0, 7)
    desk.inspect(Verdict.PASS)
    assert desk.word("PASS_CNT") == 1, "the same CMD_SEQ runs no second time"
    desk.program.panel.command, desk.program.panel.command_seq = 99, 8
    desk.cycle()
    assert Status.CMD_FAILED in desk.status
    desk.program.panel.command, desk.program.panel.command_seq = 1, 9
    desk.cycle()
    assert Status.CMD_FAILED not in desk.status


def test_a_command_from_before_the_agents_start_is_not_run(desk: Desk) -> None:
    desk.program.panel.command, desk.program.panel.command_seq = 2, 5
    desk.cycle()
    reborn = Handshake(Timing(WINDOW_MS, GUARD_MS, SCAN_MS), 2)
    reborn.observe(list(desk.program.words), desk.now_ns, desk.now_ns)
    assert not reborn.ledger.challenge_next


def test_counters_agree_with_the_triggers_and_wrap(desk: Desk) -> None:
    desk.handshake.ledger.counters.passed = 0xFFFF
    for verdict in (Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION, Verdict.PASS):
        desk.inspect(verdict)
    counts = [desk.word(name) for name in ("PASS_CNT", "REJECT_CNT", "NO_DECISION_CNT")]
    assert counts == [1, 1, 1]


# --- challenge parts -------------------------------------------------------------------------------------------------


def test_the_next_part_to_be_inspected_is_the_challenge(desk: Desk) -> None:
    desk.handshake.ledger.challenge_next = True
    desk.program.panel.set_offline = True
    desk.part()
    desk.program.panel.set_offline = False
    desk.cycle()
    assert desk.inspect(Verdict.REJECT).trigger.challenge, "the part that got no photo used it up"


def test_a_plc_that_never_says_what_it_did_fills_no_memory() -> None:
    ledger = Ledger(GUARD_MS)
    closed = []
    for seq in range(1, 3 * MOST_PARTS):
        trigger = ledger.open(Trigger(seq, seq, 1, 0, 0, seq * MS + DECIDE_MS * MS, 0))
        settled = ledger.settle(Decision(trigger, Verdict.PASS, Reason.OK, seq * MS))
        assert settled is not None
        ledger.release(settled)
        closed += ledger.close(seq * MS)
    assert len(ledger.parts) == MOST_PARTS
    assert [part.decision.trigger.seq for part in closed] == list(range(1, len(closed) + 1))
    assert {part.plc_action for part in closed} == {PlcAction.UNKNOWN}


@pytest.mark.parametrize("announced_by", ["PLC", "command", "operator"])
def test_a_challenge_part_judged_pass_is_rejected_and_stops_the_line(desk: Desk, announced_by: str) -> None:
    if announced_by == "command":
        desk.program.panel.command, desk.program.panel.command_seq = 2, 1
        desk.cycle()
    elif announced_by == "operator":
        desk.handshake.ledger.challenge_next = True
    settled = desk.inspect(Verdict.PASS, challenge=announced_by == "PLC")
    assert (settled.verdict, settled.reason) == (Verdict.REJECT, Reason.CHALLENGE)
    assert settled.trigger.challenge
    assert Alarm.CHALLENGE_PASSED in desk.alarms
    assert Status.STOP_REQUEST in desk.status
    desk.cycle()
    assert desk.program.stopped
    assert desk.finish()[1] is OutcomeCode.REJECTED
    desk.clear()
    assert not desk.alarms
    assert not desk.program.stopped
    assert not desk.inspect(Verdict.PASS).trigger.challenge, "only the next part was a challenge"


def test_a_challenge_part_that_is_rejected_is_counted_and_stops_nothing(desk: Desk) -> None:
    settled = desk.inspect(Verdict.REJECT, challenge=True)
    assert settled.reason is Reason.CHALLENGE_REJECTED, "so the PLC knows it too, whoever announced it"
    assert desk.word("CHALLENGE_CNT") == 1
    assert not desk.alarms


def test_a_pass_for_a_challenge_part_that_comes_too_late_stops_the_line_too(desk: Desk) -> None:
    trigger = desk.part(challenge=True)
    assert trigger is not None
    for _ in range(50):
        desk.cycle()
    assert desk.handshake.ledger.settle(Decision(trigger, Verdict.PASS, Reason.OK, desk.now_ns)) is None
    desk.cycle()
    assert Alarm.CHALLENGE_PASSED in desk.alarms


@pytest.mark.parametrize("challenge", [True, False])
def test_bypass_is_no_leave_for_a_challenge_part(desk: Desk, challenge: bool) -> None:
    settled = desk.inspect(Verdict.REJECT, challenge)
    closed = Closed(settled, settled.verdict, settled.reason, desk.now_ns, PlcAction.PASSED, bypass=True)
    assert closed.passed_unproven is challenge


def test_an_edge_a_little_ahead_of_the_scans_inputs_is_of_this_moment(desk: Desk) -> None:
    """Latched by interrupt: a difference that wraps would make the part 65 s old."""
    desk.parts += 1
    seen = desk.cycle(Edge(1, desk.now_ms + 13))
    (trigger,) = seen.triggers
    assert trigger.deadline_ns == desk.now_ns + (DECIDE_MS - GUARD_MS) * MS


def test_the_plc_lets_no_challenge_part_pass_even_when_the_agent_does(desk: Desk) -> None:
    trigger = desk.part(challenge=True)
    assert trigger is not None
    fooled = replace(trigger, challenge=False)
    desk.handshake.ledger.parts[trigger.key].trigger = fooled
    assert desk.deliver(fooled, Verdict.PASS).verdict is Verdict.PASS
    for _ in range(60):
        desk.cycle()
    assert desk.outcomes[1] is OutcomeCode.REJECTED
    assert desk.program.stopped


# --- alarms ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "alarm"),
    [(Verdict.REJECT, Alarm.CONSECUTIVE_REJECTS), (Verdict.NO_DECISION, Alarm.CONSECUTIVE_NO_DECISIONS)],
)
def test_so_many_in_a_row_ask_for_a_stop(verdict: Verdict, alarm: Alarm) -> None:
    desk = Desk(AlarmLimits(consecutive_rejects=3, consecutive_no_decisions=3))
    for verdict_now in (verdict, verdict, Verdict.PASS, verdict, verdict):
        desk.inspect(verdict_now)
    assert alarm not in desk.alarms
    desk.inspect(verdict)
    assert alarm in desk.alarms
    assert Status.STOP_REQUEST in desk.status
    desk.clear()
    assert Status.STOP_REQUEST not in desk.status


def test_challenge_bypassed_and_ordered_rejects_are_no_run() -> None:
    desk = Desk(AlarmLimits(consecutive_rejects=2))
    for _ in range(3):
        desk.inspect(Verdict.REJECT, challenge=True)
    desk.program.panel.reject_all = True
    desk.cycle()
    for _ in range(3):
        desk.inspect(Verdict.PASS)
    desk.program.panel.reject_all, desk.program.panel.bypass = False, True
    desk.cycle()
    for _ in range(3):
        desk.inspect(Verdict.REJECT)
    assert not desk.alarms


def test_a_defect_with_an_alarm_warns_and_stops_nothing(desk: Desk) -> None:
    trigger = desk.part()
    assert trigger is not None
    desk.deliver(trigger, Verdict.REJECT, alarm=True)
    assert desk.alarms == Alarm.DEFECT
    assert Status.WARN in desk.status
    assert Status.STOP_REQUEST not in desk.status


def test_a_part_that_passed_without_a_pass_asks_for_a_stop(desk: Desk) -> None:
    """A PLC program that does what it likes: the only thing left is to say so."""
    trigger = desk.part()
    assert trigger is not None
    desk.deliver(trigger, Verdict.REJECT)
    desk.program.queue[0].outcome = OutcomeCode.PASSED
    desk.finish()
    assert Alarm.PASSED_UNPROVEN in desk.alarms
    assert Status.STOP_REQUEST in desk.status


def test_misses_of_the_deadline_raise_an_alarm_above_one_in_a_thousand(desk: Desk) -> None:
    for misses in (1, 2):
        desk.part()
        for _ in range(50):
            desk.cycle()
        assert (Alarm.DEADLINES in desk.alarms) is (misses > 1)


# --- pending work, in STATUS -----------------------------------------------------------------------------------------


def test_status_follows_a_part_through_the_station(desk: Desk) -> None:
    trigger = desk.part()
    assert trigger is not None
    assert desk.status & (Status.ACQUIRING | Status.RESULT_PENDING) == Status.ACQUIRING | Status.RESULT_PENDING
    desk.handshake.exposed(trigger)
    desk.cycle()
    assert (desk.word("EXPOSED_SEQ"), Status.BUSY in desk.status, Status.ACQUIRING in desk.status) == (1, True, False)
    desk.deliver(trigger, Verdict.PASS)
    assert not desk.status & (Status.BUSY | Status.RESULT_PENDING)


def test_a_station_whose_stages_hang_says_fault_and_its_heartbeat_stands(desk: Desk) -> None:
    before = desk.word("AGENT_HB")
    block = desk.handshake.block(GOOD, False)
    assert AGENT_BLOCK.get(block, "AGENT_HB") == before
    assert Status.FAULT in Status(AGENT_BLOCK.get(block, "STATUS"))


# --- the decision point by the encoder -------------------------------------------------------------------------------


def encoder_desk() -> Desk:
    """1200 counts to the decision point, at 3 counts/ms: 400 ms, while the belt keeps its speed."""
    desk = Desk(decide_counts=DECIDE_MS * COUNTS_PER_MS)
    desk.belt = BeltInputs(encoder=0xFFFF - 100, counts_per_s=COUNTS_PER_MS * 1000)
    desk.cycle()
    return desk


def roll(desk: Desk, ms: int, counts_per_ms: int = COUNTS_PER_MS) -> None:
    """The belt moves on for so long at this speed."""
    for _ in range(ms // 10):
        moved = desk.belt.encoder + 10 * counts_per_ms
        desk.belt = BeltInputs(moved & 0xFFFF_FFFF, counts_per_ms * 1000)
        desk.cycle()


def test_the_deadline_follows_the_belt(desk: Desk) -> None:
    desk = encoder_desk()
    trigger = desk.part()
    assert trigger is not None
    part = desk.handshake.ledger.parts[trigger.key]
    assert trigger.deadline_ns == desk.now_ns + (DECIDE_MS - GUARD_MS) * MS
    roll(desk, 100, counts_per_ms=6)  # 600 counts are left, 100 ms at this speed
    assert part.deadline_ns == desk.now_ns + (100 - GUARD_MS) * MS
    roll(desk, 10, counts_per_ms=0)
    assert part.deadline_ns == desk.now_ns + int((BELT_STANDS_MS - GUARD_MS) * MS), "the belt stands: nothing is late"
    roll(desk, 2000, counts_per_ms=0)
    assert desk.deliver(trigger, Verdict.PASS).verdict is Verdict.PASS
    roll(desk, 250)
    assert desk.outcomes[1] is OutcomeCode.PASSED


def test_a_pass_after_the_encoders_deadline_is_no_decision() -> None:
    desk = encoder_desk()
    trigger = desk.part()
    assert trigger is not None
    roll(desk, 210, counts_per_ms=6)
    (late,) = desk.settled
    assert (late.verdict, late.reason) == (Verdict.NO_DECISION, Reason.DEADLINE)
    assert desk.outcomes[1] is OutcomeCode.NO_DECISION


def test_a_button_that_sticks_clears_no_stop_of_the_plcs_own(desk: Desk) -> None:
    desk.program.panel.clear_fault = True
    desk.cycle()
    desk.program._stop()
    for _ in range(3):
        desk.cycle()
    assert desk.program.stopped
    desk.program.panel.clear_fault = False
    desk.cycle()
    desk.clear()
    assert not desk.program.stopped


@pytest.mark.parametrize(("stood_ms", "action"), [(5_000, PlcAction.PASSED), (12_000, PlcAction.UNKNOWN)])
def test_a_row_waits_for_a_line_that_stands_but_not_for_ever(stood_ms: int, action: PlcAction) -> None:
    desk = encoder_desk()
    trigger = desk.part()
    assert trigger is not None
    desk.deliver(trigger, Verdict.PASS)
    desk.program._stop()
    roll(desk, stood_ms, counts_per_ms=0)
    desk.program.panel.clear_fault = True
    roll(desk, 500)
    (closed,) = desk.closed
    assert (closed.verdict, closed.plc_action) == (Verdict.PASS, action)


def test_after_a_long_silence_nobody_knows_how_old_a_trigger_is(desk: Desk) -> None:
    """PLC_MS wraps after 65.5 s: a part of that age would look like one of this very moment."""
    desk.program.scan(desk.now_ms + 10, [Edge(1, desk.now_ms + 10)], desk.agent_words)
    desk.now_ms += 65_536
    seen = desk.handshake.observe(list(desk.program.words), desk.now_ns, desk.now_ns)
    assert not seen.triggers
    assert seen.settled[0].reason is Reason.CAPTURE_WINDOW


def test_unknown_bits_of_a_newer_plc_are_passed_over(desk: Desk) -> None:
    words = list(desk.program.words)
    PLC_BLOCK.put(words, "CTRL", 0x8000 | Ctrl.HW_TRIGGER)
    assert not desk.handshake.observe(words, desk.now_ns, desk.now_ns).torn


# --- the PLC's program alone -----------------------------------------------------------------------------------------


def test_parts_come_no_nearer_by_the_clock_while_the_belt_stands(desk: Desk) -> None:
    assert desk.inspect(Verdict.PASS).verdict is Verdict.PASS
    desk.belt = BeltInputs(moves=False)
    for _ in range(3 * DECIDE_MS // 10):
        desk.cycle()
    assert not desk.outcomes
    desk.belt = BeltInputs()
    left_ms = DECIDE_MS - 10
    for _ in range(left_ms // 10 - 1):
        desk.cycle()
    assert not desk.outcomes, "as long a way to go as when the belt stopped"
    desk.cycle()
    assert desk.outcomes == {1: OutcomeCode.PASSED}


@pytest.mark.parametrize(("late_ms", "outcome"), [(50, OutcomeCode.PASSED), (60, OutcomeCode.REJECTED)])
@pytest.mark.parametrize("by_encoder", [False, True])
def test_a_part_decided_too_late_is_not_passed(late_ms: int, outcome: OutcomeCode, by_encoder: bool) -> None:
    """The arm would open for its neighbour."""
    desk = encoder_desk() if by_encoder else Desk()
    desk.program.late_counts = 50 * COUNTS_PER_MS
    at_ms, at_counts = desk.now_ms + 10, desk.belt.encoder
    desk.inspect(Verdict.PASS)
    desk.cycle()
    counts = (at_counts + (DECIDE_MS + late_ms) * COUNTS_PER_MS) & 0xFFFF_FFFF
    desk.belt = BeltInputs(counts) if by_encoder else desk.belt
    decided = desk.program.scan(at_ms + DECIDE_MS + late_ms, [], desk.agent_words, desk.belt)
    assert [part.outcome for part in decided] == [outcome]


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.REJECT])
@pytest.mark.parametrize("announced_by", ["command", "operator"])
def test_bypass_passes_no_challenge_that_only_the_agent_knew_of(
    desk: Desk, verdict: Verdict, announced_by: str
) -> None:
    desk.program.panel.bypass = True
    if announced_by == "command":
        desk.program.panel.command, desk.program.panel.command_seq = 2, 1
    desk.cycle()
    desk.handshake.ledger.challenge_next |= announced_by == "operator"
    desk.inspect(verdict)
    desk.cycle()
    assert desk.program.queue[0].challenge
    assert desk.finish()[1] is OutcomeCode.REJECTED


def clear_fault_bit(desk: Desk) -> bool:
    return bool(PLC_BLOCK.get(desk.program.words, "CTRL") & Ctrl.CLEAR_FAULT)


def test_one_tap_is_held_until_the_agent_has_cleared(desk: Desk) -> None:
    desk.inspect(Verdict.PASS, challenge=True)
    desk.cycle()
    assert desk.program.stopped
    slow = list(desk.agent_words)
    for pressed in (True, *[False] * 100):
        desk.program.panel.clear_fault = pressed
        desk.program.scan(desk.now_ms, [], slow)
        assert clear_fault_bit(desk)
    desk.cycle()
    desk.cycle()
    assert not desk.program.stopped
    assert not clear_fault_bit(desk)


def test_a_press_that_nobody_reads_ends(desk: Desk) -> None:
    desk.program.panel.clear_fault = True
    desk.program.scan(desk.now_ms, [], desk.agent_words)
    for after_ms, on in ((5_000, True), (5_001, False)):
        desk.program.scan(desk.now_ms + after_ms, [], desk.agent_words)
        assert desk.program._clear_fault.on is on
    desk.program.scan(desk.now_ms + 6_000, [], desk.agent_words)
    assert not clear_fault_bit(desk), "a button that sticks is one press"


@pytest.mark.parametrize(
    ("edge", "belt"),
    [
        (Edge(1, 2_001, 0), BeltInputs()),
        (Edge(1, 2_000, 1_005), BeltInputs(1_000)),
        (Edge(1, 2_000, 500), BeltInputs(2**32 - 524)),
    ],
)
def test_a_part_newer_than_the_scans_inputs_has_just_come(edge: Edge, belt: BeltInputs) -> None:
    program = PlcProgram(1, 0 if belt.encoder else DECIDE_MS, decide_counts=1_200 if belt.encoder else 0)
    assert not program.scan(2_000, [edge], [0] * AGENT_BLOCK.count, belt)


def test_no_part_may_come_before_the_agent_has_read_that_the_job_is_its_own_again(desk: Desk) -> None:
    desk.program.panel.job = 2
    for _ in range(3):
        desk.cycle()
    assert desk.program.running
    desk.program.panel.job = 0
    before = list(desk.agent_words)
    for _ in range(5):
        desk.program.scan(desk.now_ms, [], before)
        assert not desk.program.running
    desk.cycle()
    desk.cycle()
    assert desk.program.running
    assert desk.word("JOB_CURRENT") == 1
