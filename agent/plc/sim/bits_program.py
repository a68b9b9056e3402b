"""The PLC's half of profile B, pure: what a small PLC's program does in each scan, step by step.

Every part starts as REJECT, and one part at a time is in flight between TRIGGER and decision point. A part that
comes meanwhile, or while the agent is not ready, is rejected without a trigger.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.plc.bit_map import AGENT_BITS, PLC_BITS, WORD
from agent.plc.register_map import HEARTBEAT_LIMIT_MS, OutcomeCode
from agent.plc.sim.inputs import STANDING, BeltInputs, Edge, Panel
from agent.plc.sim.program import QueuedPart

BEAT_MS = 100
NO_DECISION_FROM = 10
"""A CODE from here on says why there is no decision."""


@dataclass
class BitsProgram:
    """State of the PLC between scans; `words` are its discrete inputs."""

    decide_ms: int
    scan_ms: float
    """The longest scan. An edge that is older when the scan sees it is not announced: the agent, which knows the edge
    by the time of TRIGGER only, could take the next part's photo for it."""
    panel: Panel = field(default_factory=Panel)
    words: list[int] = field(default_factory=PLC_BITS.new)
    queue: list[QueuedPart] = field(default_factory=list)
    """Their `seq` is the number under which the agent has acknowledged them, 0 = it has not."""
    agent_ready: bool = False
    """It is there and would take a trigger."""
    stopped: bool = False
    """The line was stopped by the agent's request; CLEAR_FAULT starts it again."""
    untriggered: int = 0
    """Parts that were rejected without a trigger."""
    _in_flight: QueuedPart | None = None
    _number: int = 0
    """What PART must come to be for it: one more than at its trigger."""
    _trigger: int = 0
    _result_ack: int = 0
    _enabled: bool = False
    _agent_alive: bool = False
    _agent_heartbeat: int = -1
    _agent_moved_ms: int = -HEARTBEAT_LIMIT_MS - 1

    def scan(self, now_ms: int, edges: list[Edge], agent: list[int], belt: BeltInputs = STANDING) -> list[QueuedPart]:
        """One scan at `now_ms`, with the photo-eye edges since the last one; `belt` is of no use to it.

        Returns the parts that reached their decision point: the arm lets go only outcome PASSED.
        """
        self._watch_agent(now_ms, agent)
        self._take_result(now_ms, agent)
        decided = self._decide(now_ms)
        self._watch_line(agent)
        for edge in edges:
            self._announce(now_ms, edge, agent)
        self._write_inputs(now_ms)
        return decided

    def _watch_agent(self, now_ms: int, agent: list[int]) -> None:
        """The first heartbeat seen is no sign of life: it may be what an agent of yesterday left in the memory."""
        heartbeat = AGENT_BITS.get(agent, "AGENT_HB")
        if heartbeat != self._agent_heartbeat:
            self._agent_moved_ms = now_ms if self._agent_heartbeat >= 0 else self._agent_moved_ms
            self._agent_heartbeat = heartbeat
        moving = now_ms - self._agent_moved_ms <= HEARTBEAT_LIMIT_MS
        self._agent_alive = moving and bool(AGENT_BITS.get(agent, "ONLINE"))
        self.agent_ready = self._agent_alive and bool(AGENT_BITS.get(agent, "TRIGGER_READY"))

    def _take_result(self, now_ms: int, agent: list[int]) -> None:
        """Registers and bits must agree that this is the result of the part in flight, before its decision point."""
        part = self._in_flight
        if part is None or not self._agent_alive or now_ms - part.triggered_ms >= self.decide_ms:
            return
        get = AGENT_BITS.get
        if get(agent, "TRIGGER_ACK") != self._trigger or get(agent, "PART") != self._number:
            return
        part.seq = get(agent, "PART")
        if get(agent, "RESULT") != self._number or get(agent, "RESULT_TOGGLE") == self._result_ack:
            return
        part.outcome = _outcome(get(agent, "PASS"), get(agent, "REJECT"), get(agent, "CODE"))
        self._result_ack = get(agent, "RESULT_TOGGLE")

    def _decide(self, now_ms: int) -> list[QueuedPart]:
        """Take out what has reached the decision point."""
        decided = [part for part in self.queue if now_ms - part.triggered_ms >= self.decide_ms]
        for part in decided:
            self.queue.remove(part)
            self._in_flight = None if part is self._in_flight else self._in_flight
            self._overrule(part)
        return decided

    def _overrule(self, part: QueuedPart) -> None:
        """BYPASS, REJECT_ALL, and a test piece that was believed good: the agent never hears that it is one."""
        passed = part.outcome is OutcomeCode.PASSED
        if part.challenge and passed:
            part.outcome, self.stopped = OutcomeCode.REJECTED, True
        elif self.panel.reject_all and passed:
            part.outcome = OutcomeCode.REJECTED
        elif self.panel.bypass and not self.panel.reject_all and not part.challenge:
            part.outcome = OutcomeCode.PASSED

    def _watch_line(self, agent: list[int]) -> None:
        """Stop when the agent asks for it. TRIGGER_ENABLE goes low only between two parts."""
        if self._agent_alive and AGENT_BITS.get(agent, "STOP_REQUEST"):
            self.stopped = True
        elif self.panel.clear_fault:
            self.stopped = False
        self._enabled = self._in_flight is not None or (self._agent_alive and not self.stopped)

    def _announce(self, now_ms: int, edge: Edge, agent: list[int]) -> None:
        """Queue the part as REJECT; the agent hears of it if no other one is in flight."""
        part = QueuedPart(0, edge.part_id, edge.ms, agent_epoch=0, challenge=edge.challenge)
        self.queue.append(part)
        fresh = now_ms - edge.ms <= self.scan_ms
        if self._in_flight is not None or not fresh or not self.agent_ready or not self._enabled:
            self.untriggered += 1
            return
        self._number = (AGENT_BITS.get(agent, "PART") + 1) % WORD
        self._trigger = 1 - self._trigger
        self._in_flight = part

    @property
    def running(self) -> bool:
        """May the belt bring parts?"""
        return self._agent_alive and not self.stopped

    def _write_inputs(self, now_ms: int) -> None:
        PLC_BITS.put(self.words, (
            ("TRIGGER_ENABLE", self._enabled),
            ("TRIGGER", self._trigger),
            ("RESULT_ACK", self._result_ack),
            ("CLEAR_FAULT", self.panel.clear_fault),
            ("LINE_RUNNING", self.running),
            ("BYPASS", self.panel.bypass),
            ("PLC_HB", now_ms // BEAT_MS % 2),
        ))  # fmt: skip


def _outcome(passed: int, rejected: int, code: int) -> OutcomeCode:
    """PASS is proven by its own code too; whatever contradicts itself is no decision."""
    if passed and not rejected and code == 0:
        return OutcomeCode.PASSED
    reject = rejected and not passed and 0 < code < NO_DECISION_FROM
    return OutcomeCode.REJECTED if reject else OutcomeCode.NO_DECISION
