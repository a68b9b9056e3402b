"""The PLC's half of the handshake, pure: what the PLC program does in each scan, step by step.

Every part starts as REJECT. It becomes PASS only when, before its decision point, the agent's block shows a
PASS word for this seq, part and both epochs, from an agent that is READY and whose heartbeat moves.
docs/plc/FB_Linegate.st is the same in Structured Text; a test runs both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.plc.register_map import (
    AGENT_BLOCK,
    CHALLENGE_REASONS,
    HEARTBEAT_LIMIT_MS,
    MAP_ID,
    MAX_SEQ,
    PLC_BLOCK,
    RING_SLOTS,
    Ctrl,
    OutcomeCode,
    Status,
    VerdictCode,
    next_seq,
)
from agent.plc.sim.inputs import STANDING, BeltInputs, Edge, Panel
from agent.plc.sim.program_orders import ClearFault, JobSelect

_OUTCOMES: dict[int, OutcomeCode] = {
    VerdictCode.PASS: OutcomeCode.PASSED,
    VerdictCode.REJECT: OutcomeCode.REJECTED,
    VerdictCode.NO_DECISION: OutcomeCode.NO_DECISION,
}
QUEUE_SIZE = 64
ENC_AHEAD = 1024
"""An edge may be so many counts newer than the scan's encoder: latched by interrupt, or the belt was jogged back."""


@dataclass
class QueuedPart:
    """A part between photo-eye and decision point."""

    seq: int
    part_id: int
    triggered_ms: int
    """When the photo-eye fired, and later by as long as the belt has stood since."""
    agent_epoch: int
    """Latched at the trigger: a restarted agent may not pass parts that it never saw announced."""
    enc: int = 0
    challenge: bool = False
    """Known to be bad, by the edge or by the verdict's reason."""
    outcome: OutcomeCode = OutcomeCode.NO_VERDICT


@dataclass
class PlcProgram:
    """State of the PLC between scans; `words` is its block of holding registers."""

    epoch: int
    decide_ms: int
    line_mm_s: int = 0
    decide_counts: int = 0
    """Photo-eye to decision point by the encoder; 0 = by decide_ms."""
    stop_after: int = 0
    """So many parts in a row without a verdict and the line is stopped; 0 = never."""
    late_ms: int = 50
    late_counts: int = 250
    """A part decided later than this after its decision point is not passed: the arm would open for another."""
    panel: Panel = field(default_factory=Panel)
    words: list[int] = field(default_factory=lambda: [0] * PLC_BLOCK.count)
    queue: list[QueuedPart] = field(default_factory=list)
    agent_ready: bool = False
    stopped: bool = False
    """The line was stopped, by the agent's request or our own; CLEAR_FAULT starts it again."""
    overflow: bool = False
    """More parts than the queue holds: all are rejected until CLEAR_FAULT."""
    _head: int = 0
    _scanned_ms: int = 0
    _heartbeat: int = 0
    _agent_heartbeat: int = -1
    _agent_moved_ms: int = -HEARTBEAT_LIMIT_MS - 1
    _echoes: int = 0
    _challenges: int = 0
    queue_size: int = QUEUE_SIZE
    """Twice what fits between photo-eye and arm, at the least."""
    _without_verdict: int = 0
    _clear_fault: ClearFault = field(default_factory=ClearFault)
    _job_select: JobSelect = field(default_factory=JobSelect)

    def scan(self, now_ms: int, edges: list[Edge], agent: list[int], belt: BeltInputs = STANDING) -> list[QueuedPart]:
        """One scan at `now_ms` (never wraps here), with the photo-eye edges since the last one.

        Returns the parts that reached their decision point: the arm lets go only outcome PASSED.
        """
        self._heartbeat = (self._heartbeat + 1) & MAX_SEQ
        self._clear_fault.watch(self.panel.clear_fault, now_ms, self._heartbeat)
        self._let_timers_stand(now_ms, belt)
        self._watch_agent(now_ms, agent)
        for edge in edges:
            self._announce(edge, agent)
        if self.agent_ready:
            self._copy_verdicts(now_ms, agent, belt)
        decided = self._decide(now_ms, belt)
        self._watch_line(now_ms, agent)
        self._write_header(now_ms, agent, belt)
        return decided

    def _let_timers_stand(self, now_ms: int, belt: BeltInputs) -> None:
        """While the belt stands the parts come no nearer to the arm."""
        for part in self.queue if not belt.moves else ():
            part.triggered_ms += now_ms - self._scanned_ms
        self._scanned_ms = now_ms

    def _watch_agent(self, now_ms: int, agent: list[int]) -> None:
        """READY counts only while the agent's heartbeat moves and it echoes our epoch.

        The echo must have stood in an earlier block already: then no slot of the ring can be left over from
        a write that began before our epoch did.
        """
        heartbeat = AGENT_BLOCK.get(agent, "AGENT_HB")
        echoed = AGENT_BLOCK.get(agent, "PLC_EPOCH_ECHO") == self.epoch
        if heartbeat != self._agent_heartbeat:
            self._agent_heartbeat, self._agent_moved_ms = heartbeat, now_ms
            self._echoes = self._echoes + 1 if echoed else 0
        wanted = Status.ONLINE | Status.READY
        self.agent_ready = (
            now_ms - self._agent_moved_ms <= HEARTBEAT_LIMIT_MS
            and AGENT_BLOCK.get(agent, "MAP_ID") == MAP_ID
            and Status(AGENT_BLOCK.get(agent, "STATUS")) & wanted == wanted
            and echoed
            and self._echoes >= 2
        )

    def _announce(self, edge: Edge, agent: list[int]) -> None:
        """Queue the part as REJECT, then tail, slot, head, in this order; one that has no place is not announced."""
        if len(self.queue) >= self.queue_size:
            self.overflow = True
            self._stop()
            return
        seq = next_seq(self._head)
        epoch = AGENT_BLOCK.get(agent, "AGENT_EPOCH")
        self.queue.append(QueuedPart(seq, edge.part_id, edge.ms, epoch, edge.enc & 0xFFFF, edge.challenge))
        bit = 1 << seq % RING_SLOTS
        self._challenges = self._challenges | bit if edge.challenge else self._challenges & ~bit
        PLC_BLOCK.put(self.words, "TRIG_TAIL", seq)
        PLC_BLOCK.put(self.words, "CHALLENGE", self._challenges)
        slot = {"seq": seq, "part_id": edge.part_id, "ms": edge.ms & 0xFFFF, "enc": edge.enc & 0xFFFF}
        PLC_BLOCK.put_slot(self.words, "TRIGGER", seq, slot)
        PLC_BLOCK.put(self.words, "TRIG_HEAD", seq)
        self._head = seq

    def _copy_verdicts(self, now_ms: int, agent: list[int], belt: BeltInputs) -> None:
        """Take over the verdict of every queued part whose slot proves itself, before its decision point."""
        if AGENT_BLOCK.get(agent, "RES_HEAD") != AGENT_BLOCK.get(agent, "RES_TAIL"):
            return
        for part in self.queue:
            if part.outcome is not OutcomeCode.NO_VERDICT or part.agent_epoch != AGENT_BLOCK.get(agent, "AGENT_EPOCH"):
                continue
            if self._past(part, now_ms, belt) >= 0:
                continue  # a scan that came late finds verdicts written after the decision point
            slot = AGENT_BLOCK.slot(agent, "RESULT", part.seq)
            word = int(slot["verdict"]) ^ part.seq
            if slot["seq"] == part.seq and slot["part_lo"] == part.part_id & 0xFFFF and word in _OUTCOMES:
                part.outcome = _OUTCOMES[word]
                part.challenge = part.challenge or slot["reason"] in CHALLENGE_REASONS
                PLC_BLOCK.put(self.words, "RES_ACK_SEQ", part.seq)

    def _past(self, part: QueuedPart, now_ms: int, belt: BeltInputs) -> int:
        """How far the part is past the decision point, in counts or ms; negative: it is before it."""
        if not self.decide_counts:
            return max(0, now_ms - part.triggered_ms) - self.decide_ms
        travelled = (belt.encoder - part.enc) & MAX_SEQ
        return (travelled if travelled <= MAX_SEQ - ENC_AHEAD else 0) - self.decide_counts

    def _decide(self, now_ms: int, belt: BeltInputs) -> list[QueuedPart]:
        """Pop what has reached the decision point and publish its outcome word."""
        late = self.late_counts if self.decide_counts else self.late_ms
        decided = [part for part in self.queue if self._past(part, now_ms, belt) >= 0]
        for part in decided:
            self.queue.remove(part)
            self._overrule(part, self._past(part, now_ms, belt) > late)
            PLC_BLOCK.put_slot(self.words, "OUTCOME", part.seq, {"word": part.outcome ^ part.seq})
            PLC_BLOCK.put(self.words, "DECIDED_SEQ", part.seq)
        return decided

    def _overrule(self, part: QueuedPart, late: bool) -> None:
        """A challenge that was believed good, REJECT_ALL, BYPASS, lateness, and a run of parts without a verdict."""
        lost = part.outcome is OutcomeCode.NO_VERDICT
        self._without_verdict = self._without_verdict + 1 if lost else 0
        if 0 < self.stop_after <= self._without_verdict:
            self._stop()
        passed = part.outcome is OutcomeCode.PASSED
        if part.challenge and passed:
            part.outcome = OutcomeCode.REJECTED
            self._stop()
        elif self.panel.reject_all or self.overflow:
            part.outcome = OutcomeCode.REJECTED if passed else part.outcome
        elif self.panel.bypass and not part.challenge:
            part.outcome = OutcomeCode.PASSED
        elif passed and late:
            part.outcome = OutcomeCode.REJECTED

    def _stop(self) -> None:
        self.stopped, self._clear_fault.on = True, False

    def _watch_line(self, now_ms: int, agent: list[int]) -> None:
        """The line stops when the agent asks for it; the operator's CLEAR_FAULT starts it again."""
        if self.agent_ready and Status(AGENT_BLOCK.get(agent, "STATUS")) & Status.STOP_REQUEST:
            self.stopped = True
        elif self._clear_fault.on:
            self.stopped, self.overflow, self._without_verdict = False, False, 0
        self._clear_fault.end(agent, now_ms)

    @property
    def running(self) -> bool:
        """May the belt bring parts?"""
        return self.agent_ready and not self.stopped and not self._job_select.pending

    def _write_header(self, now_ms: int, agent: list[int], belt: BeltInputs) -> None:
        self._job_select.watch(self.panel.job, agent, self.agent_ready, self._heartbeat)
        for name, value in (
            ("MAP_ID", MAP_ID),
            ("PLC_EPOCH", self.epoch),
            ("CTRL", self._ctrl()),
            ("PLC_HB", self._heartbeat),
            ("PLC_MS", now_ms & 0xFFFF),
            ("DECIDE_MS", self.decide_ms),
            ("DECIDE_COUNTS", self.decide_counts),
            ("LINE_MM_S", self.line_mm_s),
            ("ENC_NOW", belt.encoder & 0xFFFF_FFFF),
            ("ENC_HZ", belt.counts_per_s),
            ("CONFIRM_CNT", belt.confirmed & 0xFFFF),
            ("JOB_SELECT", self.panel.job),
            ("CMD", self.panel.command),
            ("CMD_ARG", self.panel.command_arg),
            ("CMD_SEQ", self.panel.command_seq),
            ("AGENT_HB_ECHO", AGENT_BLOCK.get(agent, "AGENT_HB")),
        ):
            PLC_BLOCK.put(self.words, name, value)

    def _ctrl(self) -> Ctrl:
        ctrl = Ctrl.HW_TRIGGER
        for flag, applies in (
            (Ctrl.TRIGGER_ENABLE, self.running),
            (Ctrl.LINE_RUNNING, self.running),
            (Ctrl.SET_OFFLINE, self.panel.set_offline),
            (Ctrl.CLEAR_FAULT, self._clear_fault.on),
            (Ctrl.BYPASS, self.panel.bypass),
            (Ctrl.REJECT_ALL, self.panel.reject_all),
        ):
            ctrl |= flag if applies else Ctrl(0)
        return ctrl
