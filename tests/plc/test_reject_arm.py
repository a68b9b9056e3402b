"""The reject arm beside the handshake: deadlines that the arm gives, what became of a part, the confirm sensor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.inspection import Defect, Inspection, Judgement, PlcAction, Reason, Trigger, Verdict
from agent.plc.alarms import AlarmLimits
from agent.plc.arm.confirm import ConfirmSensor
from agent.plc.arm.odometer import Odometer
from agent.plc.arm.reject_arm import RejectArm
from agent.plc.arm.reject_timer import ArmWiring, RejectTimer
from agent.plc.decision import Closed, Decision, Observation, Sampled
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Alarm, Ctrl, Status
from tests.agent.handshake_world import DECIDE_MS, GOOD, GUARD_MS, MS, SCAN_MS, World

SPEED_MM_S, PULSE_MS, CONFIRM_MS = 1000, 50.0, 200.0
PASS_COIL, CRACK_LANE, REJECT_LANE = 1, 2, 3


class ArmedHandshake(Handshake):
    """The handshake as the link runs it where there is a reject arm; `patch` is what this PLC's inputs say."""

    arm: RejectArm
    patch: dict[str, int]

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> Observation:
        words = list(words)
        for name, value in self.patch.items():
            PLC_BLOCK.put(words, name, value)
        return self.arm.observe(words, Sampled(sent_ns, received_ns), super().observe(words, sent_ns, received_ns))

    def release(self, decision: Decision) -> None:
        super().release(decision)
        self.arm.decided(decision, decision.settled_ns)


class ArmedWorld(World):
    """A line whose arm is ours, or whose rejects somebody counts."""

    def __init__(self, distance_mm: float | None = None, reject_coil: bool = False) -> None:
        super().__init__()
        old = self.agent.handshake
        facts = replace(old.facts, setup=replace(old.facts.setup, classes=("background", "crack", "dent")))
        armed = ArmedHandshake(old.timing, 1, facts, AlarmLimits(0, 0, 3), own_arm=distance_mm is not None)
        timer = None
        if distance_mm is not None:
            coils = {"reject_coil": PASS_COIL} if reject_coil else {"pass_coil": PASS_COIL}
            lanes = {"crack": CRACK_LANE, "reject": REJECT_LANE}
            timer = RejectTimer(ArmWiring(distance_mm, PULSE_MS, 0, lanes=lanes, **coils), Odometer(False, SCAN_MS, 75))
        armed.arm = RejectArm(armed.ledger, timer, ConfirmSensor(CONFIRM_MS))
        armed.patch = {"LINE_MM_S": SPEED_MM_S}
        self.agent.handshake = self.armed = armed
        self.coils: dict[int, bool] = {}
        for _ in range(3):
            self.cycle()

    def tick(self) -> None:
        super().tick()
        self.drive()

    def _check_trigger(self, trigger: Trigger, sampled_late_ms: int) -> None:
        """The deadline is the arm's, not that of the world's decision point."""
        if not self.armed.own_arm:
            super()._check_trigger(trigger, sampled_late_ms)

    def _check_closed(self, closed: Closed) -> None:
        """So is what became of the part."""
        if not self.armed.own_arm:
            super()._check_closed(closed)

    def _check_counters(self) -> None:
        """Decisions with evidence are released past the world here."""

    def drive(self) -> None:
        self.coils, _ = self.armed.arm.coils(self.now_ns, ready=True)
        for coil, on in self.coils.items():
            self.armed.arm.written(coil, on, self.now_ns)

    def announced(self) -> Trigger:
        """A part has passed the photo-eye and the agent has seen its trigger."""
        self.part()
        self.cycle()
        return self.agent.waiting.popleft()

    def confirm(self, count: int = 1) -> None:
        """The sensor sees so many parts."""
        self.armed.patch["CONFIRM_CNT"] = self.armed.patch.get("CONFIRM_CNT", 0) + count & 0xFFFF

    def cycles(self, ms: int) -> None:
        for _ in range(ms // 10):
            self.cycle()

    def reject(self, confirmed: bool) -> None:
        """One part that the PLC rejects, and what the sensor says."""
        self.deliver(self.announced(), Verdict.REJECT)
        self.cycles(DECIDE_MS + 20)
        self.confirm(int(confirmed))
        self.cycles(int(CONFIRM_MS) + 50)

    @property
    def alarms(self) -> Alarm:
        return self.armed.ledger.alarms.latched

    def status(self) -> Status:
        return Status(AGENT_BLOCK.get(self.armed.block(GOOD, True), "STATUS"))


# --- the confirm sensor ----------------------------------------------------------------------------------------------


def test_three_rejects_in_a_row_that_nobody_saw_stop_the_line() -> None:
    world = ArmedWorld()
    for confirmed in (False, False, True, False, False):
        world.reject(confirmed)
    assert world.armed.ledger.counters.unconfirmed == 4
    assert world.alarms == Alarm.UNCONFIRMED_REJECT
    assert not world.status() & Status.STOP_REQUEST
    world.reject(confirmed=False)
    assert world.alarms == Alarm.UNCONFIRMED_REJECT | Alarm.REJECTS_UNCONFIRMED
    assert world.status() & Status.STOP_REQUEST


def test_rejects_within_one_window_are_confirmed_in_order_over_the_wrap() -> None:
    world = ArmedWorld()
    world.confirm(0xFFFF)
    world.cycle()
    for trigger in [world.announced() for _ in range(3)]:
        world.deliver(trigger, Verdict.REJECT)
    world.cycles(DECIDE_MS + 30)
    world.confirm(2)
    world.cycles(300)
    assert world.armed.ledger.counters.unconfirmed == 1


def test_a_count_of_nobodys_does_not_confirm_the_part_that_jams_next() -> None:
    world = ArmedWorld()
    world.deliver(world.announced(), Verdict.PASS)
    world.cycles(DECIDE_MS + 30)
    world.confirm()
    world.reject(confirmed=False)
    assert world.armed.ledger.counters.unconfirmed == 1


@pytest.mark.parametrize("distance_mm", [None, 300])
def test_what_passes_needs_no_confirmation(distance_mm: float | None) -> None:
    world = ArmedWorld(distance_mm)
    world.deliver(world.announced(), Verdict.PASS)
    world.cycles(DECIDE_MS + 500)
    assert world.armed.ledger.counters.unconfirmed == 0


def test_a_new_epoch_forgets_what_is_to_be_confirmed() -> None:
    world = ArmedWorld()
    world.deliver(world.announced(), Verdict.REJECT)
    world.cycles(DECIDE_MS + 50)
    world.restart_plc(keep_memory=False)
    world.cycles(500)
    assert world.armed.ledger.counters.unconfirmed == 0
    assert not world.alarms


def test_a_part_that_stays_in_the_ledger_is_expected_once() -> None:
    """Its journal row hangs: it stays open long after the sensor has seen it."""
    world = ArmedWorld()
    world.deliver(world.announced(), Verdict.REJECT, hold=True)
    world.cycles(DECIDE_MS + 30)
    world.confirm()
    world.cycles(500)
    world.release()
    world.cycles(500)
    assert world.armed.ledger.counters.unconfirmed == 0


def test_no_read_no_judgement() -> None:
    """While the link is down nothing is held against the arm: the count may have come meanwhile."""
    world = ArmedWorld()
    world.deliver(world.announced(), Verdict.REJECT)
    world.cycles(DECIDE_MS + 30)
    world.advance(400)
    world.tick()
    world.confirm()
    world.cycles(50)
    assert world.armed.ledger.counters.unconfirmed == 0


# --- our own arm -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance_mm", "decide_ms", "deadline_ms"),
    [
        (300, DECIDE_MS, 300 - PULSE_MS / 2 - GUARD_MS),
        (900, DECIDE_MS, DECIDE_MS - GUARD_MS),
        (900, 0, 900 - PULSE_MS / 2 - GUARD_MS),
    ],
)
def test_the_deadline_is_the_windows_opening_or_the_plcs_whichever_is_earlier(
    distance_mm: float, decide_ms: int, deadline_ms: float
) -> None:
    world = ArmedWorld(distance_mm)
    world.armed.patch["DECIDE_MS"] = decide_ms
    world.part()
    edge_ns = world.now_ns
    for _ in range(3):
        world.observe(*world.sample())
        world.advance(5)
    trigger = world.agent.waiting.popleft()
    assert abs(trigger.deadline_ns - edge_ns - deadline_ms * MS) <= 2 * SCAN_MS * MS
    assert trigger.deadline_ns == world.armed.ledger.parts[trigger.key].deadline_ns


@pytest.mark.parametrize(
    ("verdict", "action"),
    [
        (Verdict.PASS, PlcAction.PASSED),
        (Verdict.REJECT, PlcAction.REJECTED),
        (Verdict.NO_DECISION, PlcAction.REJECTED_NO_DECISION),
    ],
)
def test_what_became_of_a_part_is_said_by_our_coil(verdict: Verdict, action: PlcAction) -> None:
    world = ArmedWorld(distance_mm=900)
    world.armed.patch["DECIDE_MS"] = 0  # this PLC has no decision point of its own
    edge_ms = world.now_ms
    world.deliver(world.announced(), verdict)
    on_ms = []
    while world.now_ms < edge_ms + 1000:
        world.cycle(2)
        on_ms += [world.now_ms - edge_ms] if world.coils[PASS_COIL] else []
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.plc_action) == (verdict, action)
    assert bool(on_ms) is (verdict is Verdict.PASS)
    assert all(abs(ms - 900) <= PULSE_MS / 2 + 2 * SCAN_MS for ms in on_ms)


def test_a_pass_whose_coil_could_not_be_written_is_no_pass_whatever_the_plc_says() -> None:
    world = ArmedWorld(distance_mm=900)  # the PLC's own decision point comes before: to it the part has passed
    world.deliver(world.announced(), Verdict.PASS)
    world.drive = lambda: None  # type: ignore[method-assign]
    world.cycles(1000)
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.reason, closed.plc_action) == (
        Verdict.NO_DECISION,
        Reason.PLC_LINK,
        PlcAction.REJECTED_NO_VERDICT,
    )


def test_a_verdict_after_the_last_moment_is_no_decision_in_the_record() -> None:
    world = ArmedWorld(distance_mm=300)
    trigger = world.announced()
    world.cycles(260)
    assert world.deliver(trigger, Verdict.PASS) is None
    world.cycles(200)
    (closed,) = world.agent.closed
    assert (closed.verdict, closed.reason, closed.plc_action) == (
        Verdict.NO_DECISION,
        Reason.DEADLINE,
        PlcAction.REJECTED_NO_DECISION,
    )
    assert closed.late_verdict is Verdict.PASS


@pytest.mark.parametrize("order", [Ctrl.REJECT_ALL, Ctrl.SET_OFFLINE])
def test_an_order_of_the_plc_takes_the_pass_back_until_the_part_is_there(order: Ctrl) -> None:
    world = ArmedWorld(distance_mm=300)
    world.deliver(world.announced(), Verdict.PASS)
    world.cycles(200)
    world.armed.patch["CTRL"] = order
    for _ in range(30):
        world.cycle(5)
        assert not world.coils[PASS_COIL]
    (closed,) = world.agent.closed
    assert closed.plc_action is PlcAction.REJECTED_NO_VERDICT
    assert closed.verdict is Verdict.NO_DECISION, "what did not pass must not stand as PASS"


def test_an_unconfirmed_reject_of_our_own_is_counted_and_a_confirmed_one_is_not() -> None:
    world = ArmedWorld(distance_mm=300)
    for confirmed in (True, False):
        world.deliver(world.announced(), Verdict.REJECT)
        world.cycles(290)
        world.confirm(int(confirmed))
        world.cycles(400)
        assert world.armed.ledger.counters.unconfirmed == (not confirmed)


@pytest.mark.parametrize(
    ("verdict", "found", "lane"),
    [
        (Verdict.REJECT, ("crack", "dent"), CRACK_LANE),
        (Verdict.REJECT, ("dent", "crack"), REJECT_LANE),
        (Verdict.REJECT, (), REJECT_LANE),
        (Verdict.NO_DECISION, (), None),
    ],
)
def test_the_worst_defect_chooses_the_lane(verdict: Verdict, found: tuple[str, ...], lane: int | None) -> None:
    """The first of them is the largest; a class without a lane goes where rejects go."""
    world = ArmedWorld(distance_mm=300)
    trigger = world.announced()
    defects = tuple(Defect(name, 0.9, 9.0 - size, 1, 0, 0, counts=True) for size, name in enumerate(found))
    seen = Inspection(trigger, Judgement(verdict, Reason.DEFECT, defects), {}, world.now_ns)
    settled = world.armed.ledger.settle(Decision(trigger, verdict, Reason.DEFECT, world.now_ns, evidence=seen))
    assert settled is not None
    world.armed.release(settled)
    energised: set[int] = set()
    for _ in range(80):
        world.cycle(5)
        energised |= {coil for coil, on in world.coils.items() if on}
    assert energised == ({lane} if lane else set())


@pytest.mark.parametrize("bypass", [False, True])
def test_a_reject_that_could_not_be_written_is_missed_and_alarms_unless_all_shall_pass(bypass: bool) -> None:
    world = ArmedWorld(distance_mm=300, reject_coil=True)
    world.cycles(400)  # what lay on the belt at the start has gone by
    world.deliver(world.announced(), Verdict.REJECT)
    world.drive = lambda: None  # type: ignore[method-assign]  # nothing gets through any more
    world.armed.arm.written(PASS_COIL, False, world.now_ns)
    world.armed.patch["CTRL"] = Ctrl.BYPASS if bypass else 0
    world.cycles(400)
    assert world.armed.ledger.counters.missed_rejects == (not bypass)
    assert bool(world.alarms & Alarm.MISSED_REJECT) is not bypass
    assert bool(world.alarms & Alarm.PASSED_UNPROVEN) is not bypass


def test_parts_of_an_overrun_ring_are_rejected_by_a_coil_too() -> None:
    """Nobody knows where they lie: the coil stays on until the belt has carried them all by."""
    world = ArmedWorld(distance_mm=300, reject_coil=True)
    world.cycles(400)
    assert not world.coils[PASS_COIL]
    for _ in range(20):
        world.part()
        world.advance(3)
    world.cycle()
    for _ in range(29):
        world.cycle(10)
        assert world.coils[PASS_COIL]
    world.cycles(100)
    assert not world.coils[PASS_COIL]
