"""The PLC's half of the handshake, pure: what the PLC program does in each scan, step by step.

Every part starts as REJECT. It becomes PASS only when, before its decision point, the agent's block shows a
PASS word for this seq, part and both epochs, from an agent that is READY and whose heartbeat moves.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.plc.register_map import (
    AGENT_BLOCK,
    MAP_ID,
    MAX_SEQ,
    PLC_BLOCK,
    Ctrl,
    OutcomeCode,
    Status,
    VerdictCode,
    next_seq,
)

HEARTBEAT_LIMIT_MS = 500
_OUTCOMES = {
    VerdictCode.PASS: OutcomeCode.PASSED,
    VerdictCode.REJECT: OutcomeCode.REJECTED,
    VerdictCode.NO_DECISION: OutcomeCode.NO_DECISION,
}


@dataclass
class QueuedPart:
    """A part between photo-eye and decision point."""

    seq: int
    part_id: int
    triggered_ms: int
    agent_epoch: int
    """Latched at the trigger: a restarted agent may not pass parts that it never saw announced."""
    outcome: OutcomeCode = OutcomeCode.NO_VERDICT


@dataclass
class PlcProgram:
    """State of the PLC between scans; `words` is its block of holding registers."""

    epoch: int
    decide_ms: int
    line_mm_s: int = 0
    words: list[int] = field(default_factory=lambda: [0] * PLC_BLOCK.count)
    queue: list[QueuedPart] = field(default_factory=list)
    agent_ready: bool = False
    _head: int = 0
    _heartbeat: int = 0
    _agent_heartbeat: int = -1
    _agent_moved_ms: int = -HEARTBEAT_LIMIT_MS - 1
    _echoes: int = 0

    def scan(self, now_ms: int, edges: list[tuple[int, int]], agent: list[int]) -> list[QueuedPart]:
        """One scan at `now_ms` (never wraps here). `edges`: (part_id, ms) of photo-eye edges since the last one.

        Returns the parts that reached their decision point: the arm lets go only outcome PASSED.
        """
        self._watch_agent(now_ms, agent)
        for part_id, edge_ms in edges:
            self._announce(part_id, edge_ms, agent)
        if self.agent_ready:
            self._copy_verdicts(now_ms, agent)
        decided = self._decide(now_ms)
        self._write_header(now_ms, agent)
        return decided

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

    def _announce(self, part_id: int, edge_ms: int, agent: list[int]) -> None:
        """Queue the part as REJECT, then tail, slot, head, in this order."""
        seq = next_seq(self._head)
        self.queue.append(QueuedPart(seq, part_id, edge_ms, AGENT_BLOCK.get(agent, "AGENT_EPOCH")))
        PLC_BLOCK.put(self.words, "TRIG_TAIL", seq)
        PLC_BLOCK.put_slot(self.words, "TRIGGER", seq, {"seq": seq, "part_id": part_id, "ms": edge_ms & 0xFFFF})
        PLC_BLOCK.put(self.words, "TRIG_HEAD", seq)
        self._head = seq

    def _copy_verdicts(self, now_ms: int, agent: list[int]) -> None:
        """Take over the verdict of every queued part whose slot proves itself, before its decision point."""
        if AGENT_BLOCK.get(agent, "RES_HEAD") != AGENT_BLOCK.get(agent, "RES_TAIL"):
            return
        for part in self.queue:
            if part.outcome is not OutcomeCode.NO_VERDICT or part.agent_epoch != AGENT_BLOCK.get(agent, "AGENT_EPOCH"):
                continue
            if now_ms - part.triggered_ms >= self.decide_ms:
                continue  # a scan that came late finds verdicts written after the decision point
            slot = AGENT_BLOCK.slot(agent, "RESULT", part.seq)
            word = int(slot["verdict"]) ^ part.seq
            if slot["seq"] == part.seq and slot["part_lo"] == part.part_id & 0xFFFF and word in _VERDICTS:
                part.outcome = _OUTCOMES[VerdictCode(word)]
                PLC_BLOCK.put(self.words, "RES_ACK_SEQ", part.seq)

    def _decide(self, now_ms: int) -> list[QueuedPart]:
        """Pop what has reached the decision point and publish its outcome word."""
        decided = [part for part in self.queue if now_ms - part.triggered_ms >= self.decide_ms]
        for part in decided:
            self.queue.remove(part)
            PLC_BLOCK.put_slot(self.words, "OUTCOME", part.seq, {"word": part.outcome ^ part.seq})
            PLC_BLOCK.put(self.words, "DECIDED_SEQ", part.seq)
        return decided

    def _write_header(self, now_ms: int, agent: list[int]) -> None:
        self._heartbeat = (self._heartbeat + 1) & MAX_SEQ
        running = Ctrl.TRIGGER_ENABLE | Ctrl.LINE_RUNNING if self.agent_ready else Ctrl(0)
        for name, value in (
            ("MAP_ID", MAP_ID),
            ("PLC_EPOCH", self.epoch),
            ("CTRL", running | Ctrl.HW_TRIGGER),
            ("PLC_HB", self._heartbeat),
            ("PLC_MS", now_ms & 0xFFFF),
            ("DECIDE_MS", self.decide_ms),
            ("LINE_MM_S", self.line_mm_s),
            ("ENC_NOW", now_ms * self.line_mm_s // 1000),
        ):
            PLC_BLOCK.put(self.words, name, value)


_VERDICTS = frozenset(int(code) for code in VerdictCode)
