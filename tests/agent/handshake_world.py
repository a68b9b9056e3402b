"""A world for the handshake: a PLC that scans, an agent as the link runs it, and a wire that lies between them.

Everything that happens is written down and checked at the moment it happens, by what is true and not by what
either side claims.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.decision import Closed, Decision, Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, Command, Ctrl, OutcomeCode, Status
from agent.plc.sim.inputs import BeltInputs, Edge, Panel
from agent.plc.sim.program import PlcProgram, QueuedPart
from agent.setup import Setup

MS = 1_000_000
SCAN_MS, DECIDE_MS, WINDOW_MS, GUARD_MS = 5, 400, 100, 25
DECIDE_COUNTS, COUNTS_PER_S = 4_000, 10_000
"""By the encoder, at its usual speed, the decision point is as far away as by the clock."""
OWN_JOB, OTHER_JOB, UNKNOWN_JOB = 1, 2, 9
FACTS = Facts(Setup(recipes={OWN_JOB: ("own", "0011"), OTHER_JOB: ("other", "0022")}))
HISTORY = 40
GOOD = Status.ONLINE | Status.READY
ACTION_OF = {
    OutcomeCode.PASSED: PlcAction.PASSED,
    OutcomeCode.REJECTED: PlcAction.REJECTED,
    OutcomeCode.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
    OutcomeCode.NO_VERDICT: PlcAction.REJECTED_NO_VERDICT,
}
PartKey = tuple[int, int]
"""(plc_epoch, part_id)"""


@dataclass
class Plc:
    """The PLC program with its memory; scans when the world's clock says so."""

    epoch: int
    program: PlcProgram
    agent_words: list[int] = field(default_factory=lambda: [0] * AGENT_BLOCK.count)
    scanned_ms: int = 0
    stalled: bool = False
    edges: list[Edge] = field(default_factory=list)

    @staticmethod
    def started(
        epoch: int,
        first_seq: int,
        agent_words: list[int] | None = None,
        decide_counts: int = 0,
        panel: Panel | None = None,
    ) -> Plc:
        """As after power-up; `first_seq`: the newest sequence number given so far."""
        program = PlcProgram(epoch, DECIDE_MS, decide_counts=decide_counts, panel=panel or Panel())
        program._head = first_seq
        for name in ("TRIG_HEAD", "TRIG_TAIL"):
            PLC_BLOCK.put(program.words, name, first_seq)
        return Plc(epoch, program, agent_words or [0] * AGENT_BLOCK.count)


@dataclass
class Agent:
    """One life of the agent: its handshake, and the triggers that wait for the station."""

    epoch: int
    handshake: Handshake
    waiting: deque[Trigger] = field(default_factory=deque)
    delivered: list[Decision] = field(default_factory=list)
    held: Decision | None = None
    """Settled, its journal row not yet on disk."""
    seen: list[Trigger] = field(default_factory=list)
    settled: Counter[Trigger] = field(default_factory=Counter)
    closed: list[Closed] = field(default_factory=list)
    counted: Counter[Verdict] = field(default_factory=Counter)
    """Decisions that are final, since the start or the newest CLEAR_COUNTERS."""
    late: int = 0
    """Verdicts that came too late, since then."""
    rejects_all: set[tuple[int, int]] = field(default_factory=set)
    """Triggers that were announced under REJECT_ALL."""

    @staticmethod
    def started(epoch: int) -> Agent:
        return Agent(epoch, Handshake(Timing(WINDOW_MS, GUARD_MS, SCAN_MS), epoch, FACTS))


class World:
    """Both sides, the true clock, and the truth about every part."""

    def __init__(self, first_seq: int = 0, now_ms: int = 65_000, decide_counts: int = 0) -> None:
        self.now_ms = now_ms  # PLC_MS wraps half a second later
        self.encoder = 2.0**32 - 3_000  # and the encoder soon after
        self.counts_per_s = COUNTS_PER_S
        self.decide_counts = decide_counts
        self.plc = Plc.started(1, first_seq, None, decide_counts)
        self.agent = Agent.started(1)
        self.parts = 0
        self.edge_ms: dict[int, int] = {}
        self.edge_counts: dict[int, float] = {}
        self.challenges: set[int] = set()
        self.job_of: dict[int, int | None] = {}
        """Under which job the PLC has announced each part; None: while it was changing it."""
        self.job_read = True
        """Has the agent read the job that the PLC asks for?"""
        self.own_job, self.paused_by = OWN_JOB, ""
        """An operator's standing orders: a new life of the agent has them too."""
        self.own_job_of: dict[int, int] = {}
        """What was in use for each part at its edge, where the PLC selected none."""
        self.overruled: set[PartKey] = set()
        """Parts with which the PLC did otherwise than the verdict said: BYPASS, REJECT_ALL, a challenge."""
        self.part_of: dict[tuple[int, int], int] = {}
        self.outcomes: dict[PartKey, OutcomeCode] = {}
        self.passes: dict[PartKey, set[int]] = {}
        """Which agent epochs have settled PASS, in time, for this very part."""
        self.dropped: set[PartKey] = set()
        self.reads: deque[list[int]] = deque(maxlen=HISTORY)
        self.writes: deque[list[int]] = deque(maxlen=HISTORY)

    @property
    def now_ns(self) -> int:
        return self.now_ms * MS

    # --- the PLC's side ----------------------------------------------------------------------------------------

    @property
    def panel(self) -> Panel:
        """The PLC's switches."""
        return self.plc.program.panel

    def part(self, challenge: bool = False) -> int:
        """A part reaches the photo-eye now."""
        self.parts += 1
        self.edge_ms[self.parts] = self.now_ms
        self.edge_counts[self.parts] = self.encoder
        self.own_job_of[self.parts] = self.own_job
        if challenge:
            self.challenges.add(self.parts)
        self.plc.edges.append(Edge(self.parts, self.now_ms, int(self.encoder) & 0xFFFF_FFFF, challenge))
        return self.parts

    def job_is_set(self) -> bool:
        """The belt stands while the agent has not confirmed the job: no part comes."""
        current = AGENT_BLOCK.get(self.plc.agent_words, "JOB_CURRENT")
        return self.job_read and self.panel.job in (0, current)

    def command(self, code: int) -> None:
        """Somebody gives the agent a command."""
        self.panel.command, self.panel.command_seq = code, (self.panel.command_seq + 1) & 0xFFFF

    def select_job(self, job: int) -> None:
        """Somebody asks for another job; not before the agent has read of the last one."""
        self.panel.job, self.job_read = job, False

    def pause(self, who: str) -> None:
        """An operator pauses the station, or resumes ("")."""
        self.paused_by = self.agent.handshake.ledger.paused_by = who

    def select_own_job(self, job: int) -> None:
        """An operator has parts judged by another recipe, where the PLC selects none."""
        self.own_job = job
        self.agent.handshake.select_job(job, self.now_ns)

    def advance(self, ms: int) -> None:
        """Let time pass; the PLC scans unless it stalls."""
        for _ in range(ms):
            self.now_ms += 1
            self.encoder += self.counts_per_s / 1000
            if self.now_ms % SCAN_MS == 0 and not self.plc.stalled:
                self.scan()

    def scan(self) -> None:
        """One scan; every PASS that appears in it must be right and in time."""
        plc = self.plc
        had = {part.seq for part in plc.program.queue if part.outcome is OutcomeCode.PASSED}
        edges, plc.edges = plc.edges, []
        changing = (PLC_BLOCK.get(plc.program.words, "JOB_SELECT") or self.own_job) != (self.panel.job or self.own_job)
        for edge in edges:
            self.job_of[edge.part_id] = None if changing else self.panel.job or self.own_job_of[edge.part_id]
        belt = BeltInputs(int(self.encoder) & 0xFFFF_FFFF, self.counts_per_s)
        decided = plc.program.scan(self.now_ms, edges, list(plc.agent_words), belt)
        plc.scanned_ms = self.now_ms
        for part in plc.program.queue + decided:
            self.part_of[plc.epoch, part.seq] = part.part_id
            overruled = part in decided and self._is_overruled(part)
            if part.outcome is OutcomeCode.PASSED and part.seq not in had and not overruled:
                self._check_pass(part)
        for part in decided:
            key = plc.epoch, part.part_id
            if part.outcome is OutcomeCode.PASSED:
                assert not self.panel.reject_all, "passed under REJECT_ALL"
                assert part.part_id not in self.challenges, "a challenge part was let through"
            assert key not in self.outcomes, "a part was decided twice"
            self.outcomes[key] = part.outcome

    def _is_overruled(self, part: QueuedPart) -> bool:
        """Has the PLC's panel, or the PLC itself, decided on this part?"""
        late = self._is_late(part)
        assert not late or self.panel.bypass or part.outcome is not OutcomeCode.PASSED, (
            "the arm opens for its neighbour"
        )
        overruled = self.panel.bypass or self.panel.reject_all or part.part_id in self.challenges or late
        if overruled:
            self.overruled.add((self.plc.epoch, part.part_id))
        return overruled

    def _is_late(self, part: QueuedPart) -> bool:
        travelled = int(self.encoder) - int(self.edge_counts[part.part_id])
        if self.decide_counts:
            return travelled - DECIDE_COUNTS > self.plc.program.late_counts
        return self.now_ms - part.triggered_ms - DECIDE_MS > self.plc.program.late_ms

    def _check_pass(self, part: QueuedPart) -> None:
        travelled = int(self.encoder) - int(self.edge_counts[part.part_id])
        due = travelled >= DECIDE_COUNTS if self.decide_counts else self.now_ms - part.triggered_ms >= DECIDE_MS
        assert not due, "became PASS at or after its decision point"
        right = self.passes.get((self.plc.epoch, part.part_id), set())
        assert part.agent_epoch in right, f"part {part.part_id} passes without a PASS of its own"

    def restart_plc(self, keep_memory: bool) -> None:
        """Power-up with the next epoch: the queue is gone, its parts are rejected; connections break."""
        old = self.plc
        self.dropped |= {(old.epoch, part.part_id) for part in old.program.queue}
        self.dropped |= {(old.epoch, edge.part_id) for edge in old.edges}
        kept = list(old.agent_words) if keep_memory else None
        self.plc = Plc.started(old.epoch + 1, 0, kept, self.decide_counts, old.program.panel)
        self.reads.clear()
        self.writes.clear()

    # --- the wire ----------------------------------------------------------------------------------------------

    def sample(self, request_ms: int = 0, answer_ms: int = 0) -> tuple[list[int], int, int]:
        """(words, sent_ns, received_ns) of one read whose request and answer take their time."""
        sent_ns = self.now_ns
        self.advance(request_ms)
        words = list(self.plc.program.words)
        self.advance(answer_ms)
        return words, sent_ns, self.now_ns

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> None:
        """The agent digests a read, as PlcLink does."""
        agent = self.agent
        sampled_late_ms = self.now_ms - self.plc.scanned_ms
        seen = agent.handshake.observe(words, sent_ns, received_ns)
        if not seen.torn:
            self._obeyed(words, seen.ctrl)
        for decision in seen.settled:
            self._settled(decision)
            self._release(decision)
        for trigger in seen.triggers:
            assert not seen.ctrl & Ctrl.SET_OFFLINE, "a photo would be taken although the PLC has set us offline"
            assert not self.paused_by, "a photo would be taken although an operator has paused the station"
            if seen.ctrl & Ctrl.REJECT_ALL:
                agent.rejects_all.add(trigger.key)
            self._check_trigger(trigger, sampled_late_ms)
            agent.seen.append(trigger)
            agent.waiting.append(trigger)
        self.tick()

    def _obeyed(self, words: list[int], ctrl: Ctrl) -> None:
        """What this read orders is in force with it."""
        agent = self.agent
        if agent.handshake._orders.command is Command.CLEAR_COUNTERS:
            agent.counted.clear()
            agent.late = 0
        self.job_read |= PLC_BLOCK.get(words, "JOB_SELECT") == self.panel.job
        bypassed = Status(AGENT_BLOCK.get(agent.handshake.block(GOOD, False), "STATUS")) & Status.BYPASSED
        assert bool(bypassed) == bool(ctrl & Ctrl.BYPASS), "BYPASS must show in STATUS"

    def _check_trigger(self, trigger: Trigger, sampled_late_ms: int) -> None:
        assert trigger.part_id == self.part_of[trigger.plc_epoch, trigger.seq], "another part's trigger"
        assert trigger.challenge or trigger.part_id not in self.challenges, "a challenge part taken for an ordinary one"
        job = self.job_of[trigger.part_id]
        assert job is not None, "inspected although the PLC was changing the job"
        assert trigger.job == job, f"announced under job {job}, to be judged by job {trigger.job}"
        age_ms = self.now_ms - self.edge_ms[trigger.part_id]
        # the PLC's clock is as old as its last scan: nobody can know the age better than that
        assert age_ms <= WINDOW_MS + max(SCAN_MS, sampled_late_ms), f"a photo would be taken {age_ms} ms late"
        if self.decide_counts:
            return  # the deadline moves with the belt's speed; the PLC goes by where the part is
        latest_pass_ms = self.edge_ms[trigger.part_id] + DECIDE_MS
        slack_ms = max(0, sampled_late_ms - GUARD_MS)
        assert trigger.deadline_ns <= (latest_pass_ms + slack_ms) * MS, "deadline beyond the decision point"

    def tick(self) -> None:
        """Deadlines and finished parts."""
        agent = self.agent
        for decision in agent.handshake.ledger.expire(self.now_ns):
            self._settled(decision)
            self._release(decision)
        for closed in agent.handshake.ledger.close(self.now_ns):
            self._check_closed(closed)
            agent.closed.append(closed)
        self._check_counters()

    def _release(self, decision: Decision) -> None:
        """It is final, if it is still the part's: then it counts."""
        part = self.agent.handshake.ledger.parts.get(decision.trigger.key)
        if part is not None and part.decision is decision and not part.released:
            self.agent.counted[decision.verdict] += 1
        self.agent.handshake.release(decision)

    def _check_counters(self) -> None:
        """PASS_CNT + REJECT_CNT + NO_DECISION_CNT = triggers settled, each by its verdict."""
        counters, counted = self.agent.handshake.ledger.counters, self.agent.counted
        found = {Verdict.PASS: counters.passed, Verdict.REJECT: counters.rejected,
                 Verdict.NO_DECISION: counters.no_decision}  # fmt: skip
        assert found == {verdict: counted[verdict] for verdict in Verdict}
        assert counters.late == self.agent.late

    def write(self, cut: int | None = None, new_first: bool = True, acknowledged: bool = True) -> None:
        """The agent writes its block; with `cut` only one side of it arrives, and no acknowledgement comes back."""
        block = self.agent.handshake.block(GOOD, True)
        assert not self.paused_by or not Status(AGENT_BLOCK.get(block, "STATUS")) & GOOD, "READY although paused"
        self.writes.append(block)
        before = self.plc.agent_words
        if cut is None:
            self.plc.agent_words = list(block)
        else:
            self.plc.agent_words = block[:cut] + before[cut:] if new_first else before[:cut] + block[cut:]
        if cut is None and acknowledged:
            self.agent.handshake.acknowledged(block, self.now_ns)

    def cycle(self, ms: int = 10) -> None:
        """One whole exchange without a fault."""
        self.advance(ms)
        sampled = self.sample()
        self.reads.append(sampled[0])
        self.observe(*sampled)
        self.write()

    # --- the station's side ------------------------------------------------------------------------------------

    def deliver(self, trigger: Trigger, verdict: Verdict, hold: bool = False) -> Decision | None:
        """The station has a verdict; `hold`: its journal row is not on disk yet."""
        decision = Decision(trigger, verdict, Reason.OK, self.now_ns)
        self.agent.delivered.append(decision)
        settled = self.settle(decision)
        if settled is None:
            return None
        self._settled(settled)
        self.agent.held = settled
        if not hold:
            self.release()
        return settled

    def settle(self, decision: Decision) -> Decision | None:
        """A verdict for a part that is open, or too late."""
        settled = self.agent.handshake.ledger.settle(decision)
        too_late = settled is None or (decision.verdict is Verdict.PASS and settled.reason is Reason.DEADLINE)
        self.agent.late += too_late
        return settled

    def release(self) -> None:
        """The row is on disk: the verdict may go out."""
        if self.agent.held is not None:
            self._release(self.agent.held)
            self.agent.held = None

    def withdraw(self) -> None:
        """The row was not on disk in time although it is required."""
        held = self.agent.held
        if held is not None:
            self.passes.get((held.trigger.plc_epoch, held.trigger.part_id), set()).discard(self.agent.epoch)
            self.agent.held = self.agent.handshake.ledger.withdraw(held, Reason.JOURNAL, "not on disk")
            assert self.agent.held.verdict is Verdict.NO_DECISION
            self.release()

    def restart_agent(self) -> None:
        """kill -9 and a new start: the old one's verdicts that are not on the wire are gone."""
        self.agent = Agent.started(self.agent.epoch + 1)
        self.pause(self.paused_by)
        self.select_own_job(self.own_job)
        self.reads.clear()

    def _settled(self, decision: Decision) -> None:
        trigger = decision.trigger
        self.agent.settled[trigger] += 1
        assert self.agent.settled[trigger] == 1, f"trigger {trigger.seq} was settled twice"
        if decision.verdict is Verdict.PASS:
            deadline_ns = self.agent.handshake.ledger.parts[trigger.key].deadline_ns
            assert self.decide_counts or deadline_ns == trigger.deadline_ns, "a deadline by the clock does not move"
            assert decision.settled_ns < deadline_ns, "a PASS was settled after the deadline"
            assert not trigger.challenge, "PASS for a challenge part"
            assert trigger.key not in self.agent.rejects_all, "PASS for a part announced under REJECT_ALL"
            self.passes.setdefault((trigger.plc_epoch, trigger.part_id), set()).add(self.agent.epoch)

    def _check_closed(self, closed: Closed) -> None:
        trigger = closed.decision.trigger
        agent = self.agent
        assert agent.settled[trigger] == 1, "closed before it was settled"
        assert all(trigger != earlier.decision.trigger for earlier in agent.closed[-64:]), "closed twice"
        part_id = self.part_of.get((trigger.plc_epoch, trigger.seq))
        outcome = self.outcomes.get((trigger.plc_epoch, part_id)) if part_id else None
        if closed.plc_action is not PlcAction.UNKNOWN:
            assert outcome is not None, "the PLC's outcome was known before there was one"
            assert closed.plc_action is ACTION_OF[outcome]
        overruled = part_id is not None and (trigger.plc_epoch, part_id) in self.overruled
        if closed.verdict is Verdict.PASS and not overruled:
            assert closed.plc_action in (PlcAction.PASSED, PlcAction.UNKNOWN)

    # --- the end -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let everything open come to its end over a good wire, then draw up the balance."""
        self.plc.stalled = False
        self.panel.set_offline = self.panel.reject_all = self.panel.bypass = False
        self.pause("")
        self.counts_per_s = COUNTS_PER_S
        self.release()
        agent = self.agent
        for _ in range(600):  # a line that stands keeps its rows waiting for ten seconds
            self.cycle(20)
            if not agent.handshake.ledger.parts and not self.plc.program.queue:
                break
        ended = [closed.decision.trigger for closed in agent.closed]
        assert set(agent.seen) <= set(ended), "a trigger was never closed"
        assert len(ended) == len(agent.settled)
        by_epoch = sorted(ended, key=lambda trigger: trigger.plc_epoch)
        assert ended == by_epoch, "closed out of order"
        known = set(self.outcomes) | self.dropped
        assert len(known) == self.parts, "a part without an outcome"
        assert not self.dropped & set(self.outcomes), "a part of an ended epoch was decided"
