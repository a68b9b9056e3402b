"""A short piece of a line's life: the PLC's program and the agent's handshake as they are, a link that is scripted.

Nothing is drawn by hand: the lanes are what the two really said, a sample each millisecond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.inspection import Reason, Trigger, Verdict
from agent.plc.alarms import AlarmLimits
from agent.plc.decision import MS, Decision, Timing
from agent.plc.facts import Facts
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, OutcomeCode, Status, VerdictCode
from agent.plc.sim.inputs import Edge
from agent.plc.sim.program import PlcProgram
from agent.setup import Setup
from docs.plc.timing.svg import Lane

SCAN_MS = POLL_MS = 10
POLL_OFFSET_MS = 4
EXPOSE_MS = 3
GUARD_MS, WINDOW_MS = 30, 100
BEFORE_MS = 100
"""Both sides know each other by the time the picture begins."""
CLOCK_MS = 10_000
JOBS = Setup(recipes={1: ("", "1111"), 2: ("", "2222")})


@dataclass
class Scene:
    """`script`: what happens at which millisecond; `verdicts`: of the parts that are not good, by part number."""

    length_ms: int
    decide_ms: int
    inspect_ms: int
    script: dict[int, Callable[[Scene], None]]
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    ms: int = -BEFORE_MS
    plc: PlcProgram | None = None
    agent: Handshake | None = None
    agent_ready: bool = True
    linked: bool = True
    memory: list[int] = field(default_factory=lambda: [0] * AGENT_BLOCK.count)
    """The agent's block as it lies in the PLC."""
    edges: list[Edge] = field(default_factory=list)
    lanes: dict[str, Lane] = field(default_factory=dict)
    _inspecting: list[tuple[int, Trigger]] = field(default_factory=list)
    _parts: int = 0

    def run(self) -> Scene:
        """Play the script."""
        self.start_plc(1)
        self.start_agent(1)
        while self.ms < self.length_ms:
            self.script.get(self.ms, lambda scene: None)(self)
            if self.plc and self.ms % SCAN_MS == 0:
                self._scan(self.plc)
            if self.agent:
                self._live(self.agent)
            if self.ms >= 0:
                self._sample()
            self.ms += 1
        return self

    @property
    def now_ns(self) -> int:
        return (CLOCK_MS + self.ms) * MS

    # --- what a script may do ------------------------------------------------------------------------------------

    def part(self, challenge: bool = False) -> None:
        """A part at the photo-eye."""
        self._parts += 1
        self.edges.append(Edge(self._parts, CLOCK_MS + self.ms, 0, challenge))
        self.note("photo-eye", f"part {self._parts}")

    def start_plc(self, epoch: int) -> None:
        """Power-up; the memory that Modbus writes is kept."""
        self.plc = PlcProgram(epoch, self.decide_ms)
        self.plc.panel.job = 1

    def start_agent(self, epoch: int) -> None:
        """A new process."""
        limits = AlarmLimits(consecutive_rejects=5)
        self.agent = Handshake(Timing(WINDOW_MS, GUARD_MS, SCAN_MS), epoch, Facts(JOBS), limits)
        self._inspecting = []

    def note(self, lane: str, label: str) -> None:
        """Something that happens in a moment."""
        if self.ms >= 0:
            self.lane(lane).moments.append((self.ms, label))

    def lane(self, label: str) -> Lane:
        """Made on first use."""
        return self.lanes.setdefault(label, Lane(label))

    # --- what goes by itself -------------------------------------------------------------------------------------

    def _scan(self, plc: PlcProgram) -> None:
        edges, self.edges = self.edges, []
        for part in plc.scan(CLOCK_MS + self.ms, edges, list(self.memory)):
            through = part.outcome is OutcomeCode.PASSED
            self.note("decision point", f"{part.part_id} " + ("passes" if through else "rejected"))

    def _live(self, agent: Handshake) -> None:
        if self.linked and self.plc and (self.ms - POLL_OFFSET_MS) % POLL_MS == 0:
            self._read(agent, list(self.plc.words))
            self._write(agent)
        for at_ms, trigger in list(self._inspecting):
            if at_ms <= self.ms:
                self._inspecting.remove((at_ms, trigger))
                self._deliver(agent, trigger)
        for decision in agent.ledger.expire(self.now_ns):
            self._say(decision)
            agent.release(decision)
        agent.ledger.close(self.now_ns)

    def _read(self, agent: Handshake, words: list[int]) -> None:
        seen = agent.observe(words, self.now_ns - MS, self.now_ns)
        for decision in seen.settled:
            self._say(decision)
            agent.release(decision)
        for trigger in seen.triggers:
            agent.exposed(trigger)
            self.note("Linegate: photo", f"part {trigger.part_id}")
            self._inspecting.append((self.ms + EXPOSE_MS + self.inspect_ms, trigger))

    def _deliver(self, agent: Handshake, trigger: Trigger) -> None:
        verdict = self.verdicts.get(trigger.part_id, Verdict.PASS)
        decision = Decision(trigger, verdict, Reason.DEFECT if verdict is Verdict.REJECT else Reason.OK, self.now_ns)
        settled = agent.ledger.settle(decision)
        if settled is None:
            self.note("Linegate: verdict", f"{trigger.part_id} {verdict.name}, late: recorded")
            return
        self._say(settled)
        agent.release(settled)
        if self.linked and self.plc:
            self._write(agent)

    def _say(self, decision: Decision) -> None:
        reason = "" if decision.reason in (Reason.OK, Reason.DEFECT) else f" ({decision.reason.name})"
        self.note("Linegate: verdict", f"{decision.trigger.part_id} {decision.verdict.name}{reason}")

    def _write(self, agent: Handshake) -> None:
        self.memory = agent.block(Status.ONLINE | (Status.READY if self.agent_ready else Status(0)), True)
        agent.acknowledged(self.memory, self.now_ns)

    def _sample(self) -> None:
        for label, probe in PROBES.items():
            self.lane(label).samples.append(probe(self))


def _result(scene: Scene) -> str:
    """The newest result in the PLC's memory."""
    seq = AGENT_BLOCK.get(scene.memory, "RES_HEAD")
    slot = AGENT_BLOCK.slot(scene.memory, "RESULT", seq)
    word = int(slot["verdict"]) ^ seq
    return f"seq {seq} {VerdictCode(word).name}" if seq and word in set(VerdictCode) else ""


def _oldest(scene: Scene) -> str:
    """The next part to be decided, and what is known of it."""
    part = scene.plc.queue[0] if scene.plc and scene.plc.queue else None
    return f"{part.part_id} {part.outcome.name}" if part else ""


def _plc_word(name: str) -> Callable[[Scene], str]:
    return lambda scene: str(PLC_BLOCK.get(scene.plc.words, name)) if scene.plc else ""


def _agent_word(name: str) -> Callable[[Scene], str]:
    return lambda scene: str(AGENT_BLOCK.get(scene.memory, name))


PROBES: dict[str, Callable[[Scene], bool | str]] = {
    "PLC: TRIG_HEAD": _plc_word("TRIG_HEAD"),
    "PLC: PLC_EPOCH": _plc_word("PLC_EPOCH"),
    "PLC: JOB_SELECT": _plc_word("JOB_SELECT"),
    "PLC: believes Linegate": lambda scene: bool(scene.plc and scene.plc.agent_ready),
    "PLC: TRIGGER_ENABLE": lambda scene: bool(scene.plc and scene.plc.running),
    "PLC: oldest part": _oldest,
    "link": lambda scene: scene.linked,
    "Linegate: inspecting": lambda scene: bool(scene.agent and scene._inspecting),
    "PLC memory: RESULT": _result,
    "PLC memory: PLC_EPOCH_ECHO": _agent_word("PLC_EPOCH_ECHO"),
    "PLC memory: AGENT_EPOCH": _agent_word("AGENT_EPOCH"),
    "PLC memory: JOB_CURRENT": _agent_word("JOB_CURRENT"),
    "PLC memory: STOP_REQUEST": lambda scene: bool(AGENT_BLOCK.get(scene.memory, "STATUS") & Status.STOP_REQUEST),
}
