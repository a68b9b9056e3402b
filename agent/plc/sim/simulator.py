"""A PLC with belt, photo-eye, camera and reject arm, as one process, with a real Modbus wire in front.

The PLC program scans in the event loop; the belt is a function of time (drive), photo-eye and camera are a thread of
their own (eye): neither waits for the PLC. What truly happens to a part is decided by where the belt is when the arm
acts, and goes into the truth log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from agent.plc.register_map import next_seq
from agent.plc.sim.arm import OPEN, SHUT, Outputs, Wiring
from agent.plc.sim.belt import Belt, TruthLog
from agent.plc.sim.bits import BitsLineProgram, bits_program, longest_scan_ms
from agent.plc.sim.drive import BeltControl, Drive, Encoder
from agent.plc.sim.ending import end
from agent.plc.sim.eye import PhotoEye, Seen
from agent.plc.sim.faults import TEAR_S, PlcFaults
from agent.plc.sim.inputs import BeltInputs, Edge, Panel
from agent.plc.sim.line_program import LineProgram
from agent.plc.sim.panel import Operator
from agent.plc.sim.program import QUEUE_SIZE, QueuedPart
from agent.plc.sim.reject import RejectStation
from agent.plc.sim.wire import SimWireOptions, open_sim_wire

log = logging.getLogger(__name__)

QUEUE_LAPS = 8  # of what fits between photo-eye and arm: the menu's freezes are longer than one
POWER_UP_S = 0.5


@dataclass(frozen=True)
class LineOptions:
    """How the simulated line is set up."""

    wire: SimWireOptions
    camera_endpoint: str
    scan_ms: float
    decide_ms: int
    mm_s: float
    epoch: int = 1
    counts_per_mm: float = 10.0
    decide_by_encoder: bool = False
    operator_s: float = 0.0
    stop_after: int = 0
    wiring: Wiring = field(default_factory=Wiring)
    settle_s: float = 1.5
    """The line stands still for so long after the agent becomes READY, as a real one would."""


class SimulatedLine:
    """Runs until stopped; the belt starts once the agent is READY and ends with its last part."""

    def __init__(self, belt: Belt, truth: TruthLog, options: LineOptions) -> None:
        self.belt, self._truth, self.options = belt, truth, options
        self.drive, self.encoder = Drive(), Encoder(options.counts_per_mm)
        self.control = BeltControl(self.drive, options.mm_s)
        self.faults = PlcFaults(options.scan_ms)
        self.outputs = Outputs(options.wiring)
        self.operator = Operator(Panel(), options.operator_s)
        self.reject = RejectStation(belt, self.drive, self.outputs, truth, self.operator.panel)
        self.program = self._power_up(options.epoch)
        self.wire = open_sim_wire(options.wire, lambda answer: self.faults.spoil(answer, options.wire.line is not None))
        self.eye = PhotoEye(belt, self.drive, options.camera_endpoint)
        self.agent_image: list[int] = []
        self.started_s: float | None = None
        """When the belt began to move for the first time."""
        self.powered = False
        self._parts_counted = 0
        self._tracked: dict[int, Seen] = {}
        """What the photo-eye saw of the parts in the PLC's queue, by the PLC's number."""
        self._waiting_for_agent = True
        self._failed: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, opened: Callable[[], None] = lambda: None) -> None:
        """Speak Modbus and scan until `quit` or a signal (a second one: at once); `opened`: the wire is open."""
        loop = asyncio.get_running_loop()
        self._failed = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)
        try:
            await self.wire.start()
            try:
                self.powered = True
                opened()
                self.spawn(self._scan_forever())
                await self._failed
            finally:
                await end(self._tasks)
                await self.wire.stop()
        finally:
            self.eye.close()
            self._truth.close()

    def quit(self) -> None:
        """End `run`."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(None)

    def _signalled(self) -> None:
        if self._failed is None or self._failed.done():
            os._exit(1)
        self.quit()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it beside the scan; when it fails the simulator ends with its error."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and self._failed and not self._failed.done():
            self._failed.set_exception(error)

    # --- the scan ------------------------------------------------------------------------------------------------

    async def _scan_forever(self) -> None:
        """The PLC's scan at an absolute cadence."""
        next_scan_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            if self.powered and not self.faults.stalled(now_s):
                await self._scan()
            next_scan_s = max(next_scan_s + self.faults.scan_s(now_s), time.monotonic())
            await asyncio.sleep(next_scan_s - time.monotonic())

    async def _scan(self) -> None:
        self.agent_image = await self.wire.agent_image()
        now_s = time.monotonic()
        await self._set_outputs(now_s)
        self.operator.watch(now_s, self.program.stopped)
        seen_before = self.eye.next_index
        edges = [self._number(seen) for seen in self.eye.take()]
        for part in self.program.scan(int(now_s * 1000), edges, self.agent_image, self._belt_inputs(now_s)):
            at_s = self._acts_s(part)
            self.reject.act_for(part, self._tracked.pop(part.part_id), at_s)
        queued = {part.part_id for part in self.program.queue}
        self._tracked = {number: seen for number, seen in self._tracked.items() if number in queued}
        self.reject.act_at_rest(now_s, seen_before, {seen.index for seen in self._tracked.values()})
        await self._publish()
        self._move_belt(now_s)

    def _belt_inputs(self, now_s: float) -> BeltInputs:
        mm_s = self.drive.mm_s(now_s)
        self.program.line_mm_s = round(mm_s)
        count = self.encoder.count(self.drive.position_mm(now_s))
        return BeltInputs(
            count, self.encoder.counts_per_s(mm_s), self.reject.arm.confirmed(now_s), self.control.released
        )

    def _number(self, seen: Seen) -> Edge:
        """The PLC numbers what its photo-eye sees; it cannot know what that truly was."""
        self._parts_counted += 1
        self._tracked[self._parts_counted] = seen
        enc = self.encoder.count(seen.travel_mm)
        return Edge(self._parts_counted, int(seen.at_s * 1000), enc, seen.challenge)

    async def _publish(self) -> None:
        words = self.program.words
        halves = self.faults.tear(len(words))
        for half in halves or [slice(0, len(words))]:
            await self.wire.put(words[half], half.start)
            if halves:
                await asyncio.sleep(TEAR_S)

    def _move_belt(self, now_s: float) -> None:
        """The belt waits for a READY agent once, then stands only when the program holds it."""
        if self._waiting_for_agent and self.program.agent_ready and not self.program.holds_belt:
            self._waiting_for_agent = False
            starts_s = now_s + self.options.settle_s
            self.control.release(starts_s)
            self.started_s = self.started_s or starts_s
            log.info("agent READY: belt runs, %s parts", self.belt.count or "endless")
        elif self.program.holds_belt and self.control.hold(now_s):
            why = "line stopped: CLEAR_FAULT starts it again" if self.program.stopped else "job change"
            log.warning("belt stands: %s", why)
        elif not self.program.holds_belt and not self._waiting_for_agent and self.control.release(now_s):
            log.info("belt runs again")
        else:
            return
        self.eye.wake()

    # --- the arm -------------------------------------------------------------------------------------------------

    async def _set_outputs(self, now_s: float) -> None:
        if not self.options.wiring.by_coils:
            return
        panel = self.operator.panel
        silent_ms = now_s * 1000 - self.program.agent_moved_ms
        trusted = self.program.agent_ready and silent_ms <= self.options.wiring.watchdog_ms
        gate = self.outputs.from_coils(await self.wire.coils(), trusted)
        self.outputs.write(now_s, SHUT if panel.reject_all else OPEN if panel.bypass else gate)

    def _let_pass(self, part: QueuedPart) -> bool:
        return self.outputs.at(self._acts_s(part)).let_pass

    def _acts_s(self, part: QueuedPart) -> float:
        """When the arm acts for the part: by the PLC's clock, or when the belt has come so far.

        The arm is latched to clock or encoder: it acts at this very moment, however late the scan was.
        """
        seen = self._tracked[part.part_id]
        if not self.program.decide_counts:
            stood_ms = part.triggered_ms - int(seen.at_s * 1000)
            return seen.at_s + (self.program.decide_ms + stood_ms) / 1000
        travel_mm = seen.travel_mm + self.program.decide_counts / self.encoder.counts_per_mm
        return self.drive.when_s(travel_mm) or time.monotonic()

    # --- what the fault menu does --------------------------------------------------------------------------------

    def new_epoch(self) -> None:
        """Somebody clears the part queue: what is on its way to the arm is not tracked any more."""
        self.program = self._power_up(next_seq(self.program.epoch))
        self._tracked.clear()

    async def power_cycle(self, keep_memory: bool) -> None:
        """Off, and on again POWER_UP_S later with the next epoch; the belt stands until the agent is READY."""
        if not self.powered:
            return
        self.powered = False
        kept = await self.wire.agent_image() if keep_memory else []
        await self.wire.drop()
        await self.wire.stop()
        now_s = time.monotonic()
        self.outputs.drop(now_s)
        self.control.hold(now_s)
        self._waiting_for_agent = True
        await asyncio.sleep(POWER_UP_S)
        await self.wire.start(kept)
        self.eye.take()
        self.new_epoch()
        self.powered = True
        log.info("PLC is up again, epoch %d", self.program.epoch)

    def take_off(self) -> int | None:
        """Take the newest part between photo-eye and arm off the belt; its number, None: there is none."""
        return part.part_id if (part := self.reject.take_off(self.eye.next_index - 1)) else None

    def _power_up(self, epoch: int) -> LineProgram | BitsLineProgram:
        options = self.options
        if options.wire.profile == "bits":
            return bits_program(options.decide_ms, options.scan_ms, self.operator.panel, epoch)
        counts = round(self.belt.arm_mm * options.counts_per_mm) if options.decide_by_encoder else 0
        late_mm = max(self.belt.pitch_mm / 2, longest_scan_ms(options.scan_ms) * options.mm_s / 1000)
        return LineProgram(
            epoch, options.decide_ms, round(options.mm_s), counts, options.stop_after,
            queue_size=max(QUEUE_SIZE, QUEUE_LAPS * round(self.belt.arm_mm / self.belt.pitch_mm)),
            late_ms=round(late_mm / options.mm_s * 1000), late_counts=round(late_mm * options.counts_per_mm),
            panel=self.operator.panel, let_pass=self._let_pass if options.wiring.by_coils else None,
        )  # fmt: skip
