"""FB_Linegate.st and PlcProgram side by side on one random line.

The agent's images come from a real handshake and, as often, from a wire that tears, repeats and spoils them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from agent.inspection import Reason, Trigger, Verdict
from agent.plc.alarms import AlarmLimits
from agent.plc.decision import MS, Decision, Timing
from agent.plc.handshake import Handshake
from agent.plc.register_map import AGENT_BLOCK, MAX_SEQ, PLC_BLOCK, Ctrl, Status
from agent.plc.sim.inputs import STANDING, BeltInputs, Edge
from agent.plc.sim.program import PlcProgram, QueuedPart
from tests.conftest import ROOT
from tests.plc.st_interpreter import Arithmetic, Program

MAP_TEXT = (ROOT / "docs" / "plc" / "Linegate_Map.st").read_text()
FB_TEXT = (ROOT / "docs" / "plc" / "FB_Linegate.st").read_text()
READY = Status.ONLINE | Status.READY


class Difference(Exception):
    """Block and program part ways."""


class Twins:
    """The function block and the program, given the same inputs; any difference between them is an AssertionError."""

    def __init__(self, text: str, arithmetic: Arithmetic, decide_ms: int = 300) -> None:
        self.block = Program(MAP_TEXT, text, arithmetic=arithmetic).instance("FB_Linegate")
        self.program = PlcProgram(1, decide_ms)

    def restart(self) -> None:
        """The queue is cleared: the block counts its own epoch on."""
        old = self.program
        self.program = PlcProgram(old.epoch % MAX_SEQ + 1, old.decide_ms, old.line_mm_s, old.decide_counts)
        self.program.stop_after, self.program.panel = old.stop_after, replace(old.panel)
        self.program.late_ms, self.program.late_counts = old.late_ms, old.late_counts
        self.block.xrestart = True

    def jump_to(self, seq: int, heartbeat: int) -> None:
        """As if so many parts had passed and so many scans had been."""
        program, block = self.program, self.block
        program._head = block.uihead = seq
        program._heartbeat = block.uiheartbeat = heartbeat
        for name in ("TRIG_HEAD", "TRIG_TAIL"):
            PLC_BLOCK.put(program.words, name, seq)
            PLC_BLOCK.put(block.awplc, name, seq)

    def scan(self, now_ms: int, edges: list[Edge], agent: list[int], belt: BeltInputs = STANDING) -> list[QueuedPart]:
        """One scan of both."""
        self._set_inputs(now_ms, edges, belt)
        self.block.awagent[:] = agent
        self.block.run()
        self.block.xrestart = False
        decided = self.program.scan(now_ms, edges, list(agent), belt)
        self._compare(decided)
        return decided

    def _set_inputs(self, now_ms: int, edges: list[Edge], belt: BeltInputs) -> None:
        block, program, panel = self.block, self.program, self.program.panel
        block.udinow_ms, block.uiedges = now_ms & 0xFFFF_FFFF, len(edges)
        for slot, edge in zip(block.aedge, edges, strict=False):
            slot.udipartid, slot.uditime_ms = edge.part_id, edge.ms & 0xFFFF_FFFF
            slot.uienc, slot.xchallenge = edge.enc & 0xFFFF, edge.challenge
        block.xbeltmoves = belt.moves
        block.udiencoder, block.uicounts_per_s, block.uiconfirmed = belt.encoder, belt.counts_per_s, belt.confirmed
        block.xsetoffline, block.xclearfault = panel.set_offline, panel.clear_fault
        block.xbypass, block.xrejectall, block.uijob = panel.bypass, panel.reject_all, panel.job
        block.uicommand, block.uicommandarg = panel.command, panel.command_arg
        block.uicommandseq = panel.command_seq
        block.uidecide_ms, block.uidecidecounts = program.decide_ms, program.decide_counts
        block.uilate_ms, block.uilatecounts = program.late_ms, program.late_counts
        block.uiline_mm_s, block.uistopafter = program.line_mm_s, program.stop_after

    def _compare(self, decided: list[QueuedPart]) -> None:
        block, program = self.block, self.program
        for what, mine, its in (
            ("words", block.awplc, program.words),
            ("decided", [_part(p) for p in block.adecided[: block.uidecided]], [_record(p) for p in decided]),
            ("queue", [_part(p) for p in block.aqueue[: block.uiqueued]], [_record(p) for p in program.queue]),
            (
                "flags",
                (block.xagentready, block.xrunning, block.xstopped, block.xoverflow),
                (program.agent_ready, program.running, program.stopped, program.overflow),
            ),
        ):
            if mine != its:
                raise Difference(f"{what}: the block has {mine}, the program {its}")


def _part(part: object) -> tuple[int, ...]:
    triggered_ms = part.uditriggered_ms
    return (part.uiseq, part.udipartid, triggered_ms, part.uiagentepoch, part.uienc, part.xchallenge, part.woutcome)


def _record(part: QueuedPart) -> tuple[int, ...]:
    triggered_ms = part.triggered_ms & 0xFFFF_FFFF
    return (part.seq, part.part_id, triggered_ms, part.agent_epoch, part.enc, part.challenge, int(part.outcome))


class Line:
    """A random line: parts, an encoder, an operator, an agent that may restart, and a wire that spoils its images."""

    def __init__(self, twins: Twins, seed: int) -> None:
        self.random = Random(seed)
        self.twins = twins
        self.now_ms = self.random.choice([1_000, 65_000, 2**32 - 2_000])
        self.part_id = self.random.choice([0, 65_530, 2**32 - 200])
        self.encoder = self.random.choice([0, 65_000, 2**32 - 3_000])
        self.agent_epoch = 0
        self.stands = False
        self.waiting: list[tuple[int, Trigger]] = []
        self.images = [[0] * AGENT_BLOCK.count]
        self.seen: Counter[str] = Counter()
        program = twins.program
        program.stop_after = self.random.choice([0, 0, 3])
        program.decide_ms = self.random.choice([80, 300])
        program.decide_counts = self.random.choice([0, 0, 250])
        program.late_ms, program.late_counts = self.random.choice([(20, 20), (50, 250)])
        twins.scan(self.now_ms, [], self.images[0])
        twins.jump_to(self.random.choice([0, 65_500]), self.random.choice([0, 65_000]))
        self.restart_agent()

    def restart_agent(self) -> None:
        self.agent_epoch += 1
        self.agent = Handshake(Timing(100, 10, 5), self.agent_epoch, limits=AlarmLimits(consecutive_rejects=12))
        self.waiting = []

    def run(self, scans: int) -> None:
        for _ in range(scans):
            self._operate()
            before_ms = self.now_ms
            self.now_ms += 5 if self.random.random() < 0.98 else self.random.randint(1, 700)
            belt = self._belt(self.now_ms - before_ms)
            for part in self.twins.scan(self.now_ms, self._edges(before_ms, belt), self._image(), belt):
                self.seen[part.outcome.name] += 1
            self._note()
            if self.random.random() < 0.5:
                self._exchange()

    def _operate(self) -> None:
        panel = self.twins.program.panel
        panel.clear_fault = self.random.random() < (0.9 if panel.clear_fault else 0.02)
        for name, share in (("set_offline", 0.002), ("bypass", 0.003), ("reject_all", 0.003)):
            now = getattr(panel, name)
            setattr(panel, name, not now if self.random.random() < (0.05 if now else share) else now)
        if self.random.random() < 0.004:
            panel.command, panel.command_arg = self.random.randint(0, 3), self.random.randint(0, MAX_SEQ)
            panel.command_seq = (panel.command_seq + 1) & 0xFFFF
        if self.random.random() < (0.05 if panel.job else 0.01):
            panel.job = self.random.choice([0, 1, 7])
        if self.random.random() < 0.002:
            self.twins.restart()
            self.seen["PLC restart"] += 1
        if self.random.random() < 0.003:
            self.restart_agent()

    def _belt(self, ms: int) -> BeltInputs:
        """It stands now and then, for long once in a while, and may be jogged back a little."""
        self.stands = self.random.random() < (0.95 if self.stands else 0.01)
        speed = 0 if self.stands else self.random.choice([0, 1, 1, 1])
        jogged = self.random.randint(0, 20) if self.random.random() < 0.01 else 0
        self.encoder = (self.encoder + ms * speed - jogged) & 0xFFFF_FFFF
        return BeltInputs(self.encoder, 1000 * speed, self.part_id & 0xFFFF, not self.stands)

    def _edges(self, since_ms: int, belt: BeltInputs) -> list[Edge]:
        count = self.random.choice([0, 0, 0, 0, 0, 0, 0, 1, 1, 2])
        edges = []
        for _ in range(count):
            self.part_id = (self.part_id + 1) & 0xFFFF_FFFF
            at_ms = self.random.randint(since_ms, self.now_ms + 1)
            enc = belt.encoder + self.random.choice([0, 0, 3])
            edges.append(Edge(self.part_id, at_ms, enc, self.random.random() < 0.03))
        return edges

    def _exchange(self) -> None:
        """The agent reads, inspects what it has for some time, and writes."""
        now_ns = self.now_ms * MS
        seen = self.agent.observe(list(self.twins.program.words), now_ns, now_ns)
        for decision in (*seen.settled, *self.agent.ledger.expire(now_ns)):
            self.agent.release(decision)
        self.waiting += [(self.now_ms + self.random.randint(0, 100), trigger) for trigger in seen.triggers]
        for ready_ms, trigger in list(self.waiting):
            if ready_ms <= self.now_ms:
                self.waiting.remove((ready_ms, trigger))
                verdict = self.random.choice([Verdict.PASS, Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION])
                reason = Reason.CHALLENGE if self.random.random() < 0.03 else Reason.OK
                settled = self.agent.ledger.settle(Decision(trigger, verdict, reason, now_ns))
                if settled:
                    self.agent.release(settled)
        self.agent.ledger.close(now_ns)
        self.images.append(self.agent.block(READY, self.random.random() < 0.98))
        del self.images[:-12]

    def _image(self) -> list[int]:
        """The newest, mostly; or an old one, two torn together, or one with spoiled words."""
        image, luck = list(self.images[-1]), self.random.random()
        if luck < 0.04:
            cut = self.random.randint(0, AGENT_BLOCK.count)
            image[cut:] = self.random.choice(self.images)[cut:]
        elif luck < 0.07:
            image = list(self.random.choice(self.images))
        elif luck < 0.10:
            for _ in range(self.random.randint(1, 20)):
                spoiled = self.random.randrange(len(image))
                image[spoiled] = self.random.choice([0, image[spoiled] ^ 1, self.random.randint(0, MAX_SEQ)])
        elif luck < 0.101:
            image = [self.random.randint(0, MAX_SEQ) for _ in image]
        return image

    def _note(self) -> None:
        block = self.twins.block
        self.seen["ready"] += block.xagentready
        self.seen["stopped"] += block.xstopped
        self.seen["wrapped"] += block.uihead < 100 < block.uiheartbeat
        self.seen["bypassed"] += bool(PLC_BLOCK.get(block.awplc, "CTRL") & Ctrl.BYPASS)
        self.seen["overflow"] += block.xoverflow
        self.seen["job held"] += block.xjobpending
        self.seen["several decided"] += block.uidecided > 1
