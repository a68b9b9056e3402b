"""A world for profile B: a PLC that scans, an agent as the link runs it, and connections that break between them.

The wire is what TCP really does. On one connection request and answer take turns, and each answer is to its own
request. A connection on which anything fails is dead; of it at most one write is left over, registers or coils, which
the PLC may still execute at any later time, as long as it does not restart. Coils of one FC15 arrive whole; a scan may
fall between registers and coils, or find the registers half written.
"""

from __future__ import annotations

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.decision import MS, Closed, Decision
from agent.plc.register_map import OutcomeCode, Status
from agent.plc.sim.bits_program import BitsProgram
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import QueuedPart
from tests.plc.bits_agent import DECIDE_MS, SCAN_MS, WINDOW_MS, Agent, Fault, Write

GOOD = Status.ONLINE | Status.READY
COILS = len(AGENT_BITS.bits)
ACTION_OF = {
    OutcomeCode.PASSED: PlcAction.PASSED,
    OutcomeCode.REJECTED: PlcAction.REJECTED,
    OutcomeCode.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
}


class BitsWorld:
    """Both sides, the true clock, and the truth about every part."""

    def __init__(self, agent_epoch: int = 1) -> None:
        self.now_ms = 1_000
        self.program = BitsProgram(DECIDE_MS, SCAN_MS)
        self.memory = AGENT_BITS.new()
        self.stalled = False
        self.edges: list[Edge] = []
        self.agent = Agent.started(agent_epoch)
        self.connection = 1
        self.left_over: list[Write] = []
        self.parts = 0
        self.edge_ms: dict[int, int] = {}
        self.own_job, self.paused_by = 1, ""
        """An operator's standing orders: a new life of the agent has them too."""
        self.own_job_of: dict[int, int] = {}
        """What was in use for each part at its edge."""
        self.outcomes: dict[int, OutcomeCode] = {}
        self.dropped: set[int] = set()
        self.passes: set[int] = set()
        """Parts for which some agent has settled PASS, in time, by their own photo."""
        self.taken: dict[tuple[int, int], int] = {}
        """(agent epoch, number) → the part for which the PLC took that result."""

    @property
    def now_ns(self) -> int:
        return self.now_ms * MS

    # --- the PLC's side ----------------------------------------------------------------------------------------

    def part(self) -> int:
        """A part reaches the photo-eye now."""
        self.parts += 1
        self.edge_ms[self.parts] = self.now_ms
        self.own_job_of[self.parts] = self.own_job
        self.edges.append(Edge(self.parts, self.now_ms))
        return self.parts

    def pause(self, who: str) -> None:
        """An operator pauses the station, or resumes ("")."""
        self.paused_by = self.agent.handshake.ledger.paused_by = who

    def select_job(self, job: int) -> None:
        """An operator has parts judged by another recipe."""
        self.own_job = job
        self.agent.handshake.select_job(job, self.now_ns)

    def advance(self, ms: int) -> None:
        """Let time pass; the PLC scans unless it is stalled."""
        for _ in range(ms):
            self.now_ms += 1
            if self.now_ms % SCAN_MS == 0 and not self.stalled:
                self.scan()

    def scan(self) -> None:
        """One scan; every PASS that appears in it must be right and in time."""
        had = {part.part_id for part in self.program.queue if part.outcome is not OutcomeCode.NO_VERDICT}
        edges, self.edges = self.edges, []
        decided = self.program.scan(self.now_ms, edges, list(self.memory))
        for part in self.program.queue + decided:
            if part.outcome is not OutcomeCode.NO_VERDICT and part.part_id not in had:
                self._check_taken(part)
        for part in decided:
            assert part.part_id not in self.outcomes, "a part was decided twice"
            self.outcomes[part.part_id] = part.outcome

    def _check_taken(self, part: QueuedPart) -> None:
        assert self.now_ms - part.triggered_ms < DECIDE_MS, "a result was taken at or after the decision point"
        self.taken[self.agent.epoch, part.seq] = part.part_id
        if part.outcome is OutcomeCode.PASSED:
            assert part.part_id in self.passes, f"part {part.part_id} passes without a PASS of its own"

    def restart_plc(self, keep_memory: bool) -> None:
        """Power-up: its parts are rejected; connections break, and what was left over in them is gone."""
        self.dropped |= {part.part_id for part in self.program.queue} | {edge.part_id for edge in self.edges}
        self.program, self.edges = BitsProgram(DECIDE_MS, SCAN_MS), []
        self.memory = self.memory if keep_memory else AGENT_BITS.new()
        self.left_over = []
        self.scan()
        self.connection += 1

    # --- the wire ----------------------------------------------------------------------------------------------

    def read(self, request_ms: int = 0, answer_ms: int = 0, lost: bool = False) -> None:
        """FC02 whose request and answer take their time; the agent digests it as PlcLink does."""
        sent_ns = self.now_ns
        self.advance(request_ms)
        words = [*self.program.words, self.connection]
        self.advance(answer_ms)
        if lost:
            self.connection += 1
            self.tick()
            return
        agent = self.agent
        seen = agent.handshake.observe(words, sent_ns, self.now_ns)
        for decision in seen.settled:
            self._settled(decision)
            agent.handshake.release(decision)
        for trigger in seen.triggers:
            assert self.now_ns - trigger.earliest_ns <= (WINDOW_MS + 2 * SCAN_MS) * MS, "a photo would come too late"
            assert not self.paused_by, "a photo would be taken although an operator has paused the station"
            part = self.photographed(trigger)
            assert part is None or self.own_job_of[part] == trigger.job, "would be judged by another recipe"
            agent.seen.append(trigger)
            agent.waiting.append(trigger)
        self.tick()

    def tick(self) -> None:
        """Deadlines and finished parts."""
        agent = self.agent
        for decision in agent.handshake.ledger.expire(self.now_ns):
            self._settled(decision)
            agent.handshake.release(decision)
        for closed in agent.handshake.ledger.close(self.now_ns):
            self._check_closed(closed)
            agent.closed.append(closed)

    def write(self, between_ms: int = 0, fault: Fault | None = None, at_coils: bool = False, cut: int = 3) -> None:
        """Registers, then coils. `fault` befalls one of the two; `cut`: a scan finds that many registers written."""
        image = self.agent.handshake.block(GOOD, True)
        ready = AGENT_BITS.get(image, "ONLINE") or AGENT_BITS.get(image, "TRIGGER_READY")
        assert not (self.paused_by and ready), "ready although paused"
        requests = [Write(COILS, image[COILS:]), Write(0, image[:COILS])]
        if cut < len(requests[0].values):
            self._execute(Write(COILS, requests[0].values[:cut]))
            self.scan()
        for request in requests:
            faulty = fault is not None and (request.first == 0) is at_coils
            if faulty and fault == "left over":
                self.left_over.append(request)
            elif not (faulty and fault == "lost"):
                self._execute(request)
            if faulty:
                self.connection += 1
                return
            self.advance(between_ms)
        self.agent.handshake.acknowledged(image, self.now_ns)

    def late_write(self, index: int) -> None:
        """What a dead connection had left over is executed now."""
        self._execute(self.left_over.pop(index))

    def _execute(self, request: Write) -> None:
        self.memory[request.first : request.first + len(request.values)] = request.values

    def cycle(self, ms: int = 10) -> None:
        """One whole exchange without a fault."""
        self.advance(ms)
        self.read()
        self.write()

    def inputs(self) -> dict[str, int]:
        return {bit.name: PLC_BITS.get(self.program.words, bit.name) for bit in PLC_BITS.bits}

    def outputs(self) -> dict[str, int]:
        """The agent's image as it would go out now."""
        image = self.agent.handshake.block(GOOD, True)
        names = [item.name for item in (*AGENT_BITS.bits, *AGENT_BITS.registers)]
        return {name: AGENT_BITS.get(image, name) for name in names}

    # --- the station's side ------------------------------------------------------------------------------------

    def photographed(self, trigger: Trigger) -> int | None:
        """The part whose photo was taken in the trigger's window; None when there is none or more than one."""
        first_ms, last_ms = trigger.earliest_ns / MS, trigger.latest_ns / MS
        found = [part for part, ms in self.edge_ms.items() if first_ms <= ms <= last_ms]
        return found[0] if len(found) == 1 else None

    def deliver(self, trigger: Trigger, verdict: Verdict, hold: bool = False) -> Decision | None:
        """The station has a verdict, if there was a photo; `hold`: its journal row is not on disk yet."""
        if self.photographed(trigger) is None:
            verdict = Verdict.NO_DECISION
        reason = {Verdict.PASS: Reason.OK, Verdict.REJECT: Reason.DEFECT}.get(verdict, Reason.FRAME_TIMEOUT)
        decision = Decision(trigger, verdict, reason, self.now_ns)
        self.agent.delivered.append(decision)
        settled = self.agent.handshake.ledger.settle(decision)
        if settled is None:
            return None
        self._settled(settled)
        self.agent.held = settled
        if not hold:
            self.release()
        return settled

    def release(self) -> None:
        """The row is on disk: the verdict may go out."""
        held, self.agent.held = self.agent.held, None
        if held is not None:
            self.agent.handshake.release(held)

    def withdraw(self) -> None:
        """The row was not on disk in time although it is required."""
        held, self.agent.held = self.agent.held, None
        if held is not None:
            self.passes.discard(self.photographed(held.trigger) or 0)
            self.agent.handshake.release(self.agent.handshake.ledger.withdraw(held, Reason.JOURNAL, "not on disk"))

    def restart_agent(self) -> None:
        """kill -9 and a new start: the old one's verdicts that are not on the wire are gone."""
        self.agent = Agent.started(self.agent.epoch + 1)
        self.pause(self.paused_by)
        self.select_job(self.own_job)
        self.connection += 1

    def _settled(self, decision: Decision) -> None:
        trigger = decision.trigger
        self.agent.settled[trigger] += 1
        assert self.agent.settled[trigger] == 1, f"trigger {trigger.seq} was settled twice"
        if decision.verdict is Verdict.PASS:
            assert decision.settled_ns < trigger.deadline_ns, "a PASS was settled after the deadline"
            self.passes.add(self.photographed(trigger) or 0)

    def _check_closed(self, closed: Closed) -> None:
        trigger, agent = closed.decision.trigger, self.agent
        assert agent.settled[trigger] == 1, "closed before it was settled"
        assert all(trigger != earlier.decision.trigger for earlier in agent.closed[-64:]), "closed twice"
        if closed.plc_action is PlcAction.UNKNOWN or self.program.panel.bypass:
            return
        part_id = self.taken[agent.epoch, trigger.part_id & 0xFFFF]
        assert part_id == self.photographed(trigger) or closed.verdict is Verdict.NO_DECISION, "another part's result"
        decided = [part.outcome for part in self.program.queue if part.part_id == part_id]
        outcome = self.outcomes.get(part_id, decided[0] if decided else None)
        assert part_id in self.dropped or ACTION_OF[outcome] is closed.plc_action

    # --- the end -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let everything open come to its end over a good wire, then draw up the balance."""
        self.stalled = False
        self.pause("")
        self.release()
        agent = self.agent
        for _ in range(150):
            self.cycle(20)
            if len(agent.closed) == len(agent.settled) >= len(agent.seen) and not self.program.queue:
                break
        ended = [closed.decision.trigger for closed in agent.closed]
        assert set(agent.seen) <= set(ended), "a trigger was never closed"
        assert len(ended) == len(agent.settled)
        assert [t.part_id for t in ended] == sorted(t.part_id for t in ended), "closed out of order"
        assert len(set(self.outcomes) | self.dropped) == self.parts, "a part without an outcome"
        assert not self.dropped & set(self.outcomes), "a part was decided after its PLC had forgotten it"
