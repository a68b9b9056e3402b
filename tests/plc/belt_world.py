"""A belt as it truly runs, a PLC that reports it scan by scan, and a reject timer that knows only what it reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.arm.odometer import Odometer
from agent.plc.arm.reject_timer import ArmEvent, ArmWiring, RejectTimer
from agent.plc.decision import MS, Decision, Sampled
from agent.plc.register_map import MAP_ID, PLC_BLOCK

SCAN_MS, CYCLE_MS, KNOWN_MS = 5, 10, 75
DISTANCE, PULSE_MS = 400.0, 50.0
PASS_COIL, REJECT_COIL = 3, 4
ENCODER_START = 0xFFFF_FF00
"""It wraps while the first parts are on their way."""


@dataclass
class TruePart:
    """A part and when it truly is where."""

    seq: int
    eye_at: float
    """The belt's true position when it passed the photo-eye."""
    verdict: Verdict | None
    delay_ms: int
    """From its announcement to its verdict."""
    trigger: Trigger | None = None
    proven: bool = False
    """PASS was said before the arm's window, on a belt that was known."""
    arrived_ms: int | None = None
    pulses_ms: list[int] = field(default_factory=list)


class BeltWorld:
    """Runs in steps of 1 ms; positions are encoder counts, and 1 count is 1 mm."""

    def __init__(self, wiring: ArmWiring, by_encoder: bool = True) -> None:
        self.timer = RejectTimer(wiring, Odometer(by_encoder, SCAN_MS, KNOWN_MS), allowed=True)
        self.now_ms, self.position, self.speed = 65_000, 0.0, 400.0
        self.parts: list[TruePart] = []
        self.actions: dict[int, PlcAction] = {}
        self.missed: list[int] = []
        self.on: dict[int, bool] = {}
        self.reading, self.writing, self.scanning = True, True, True
        self.history: list[tuple[int, dict[int, bool]]] = []
        self._words = [0] * PLC_BLOCK.count
        self._epoch, self._seen_epoch = 1, 0
        self._announced: list[TruePart] = []
        self._due: list[tuple[int, Decision]] = []

    @property
    def now_ns(self) -> int:
        return self.now_ms * MS

    def run(self, ms: int) -> None:
        """Let the belt run."""
        for _ in range(ms):
            self.now_ms += 1
            before, self.position = self.position, self.position + self.speed / 1000
            for part in self.parts:
                if before < part.eye_at + self.timer.wiring.distance <= self.position:
                    part.arrived_ms = self.now_ms
            self._scan()
            self._read()
            self._decide()
            self._drive()

    def part(self, verdict: Verdict | None, delay_ms: int = 50) -> TruePart:
        """A part passes the photo-eye now; None: nobody ever says anything of it."""
        part = TruePart(len(self.parts) + 1, self.position, verdict, delay_ms)
        enc = (ENCODER_START + int(self.position)) & 0xFFFF
        age_ns = 2 * SCAN_MS * MS
        part.trigger = Trigger(part.seq, part.seq, self._epoch, self.now_ns - age_ns, self.now_ns + age_ns, 0,
                               self.now_ns, enc=enc)  # fmt: skip
        self.parts.append(part)
        self._announced.append(part)
        return part

    def new_epoch(self) -> None:
        """The PLC clears its queue."""
        self._epoch += 1
        self._announced = []

    def _scan(self) -> None:
        if self.now_ms % SCAN_MS or not self.scanning:
            return
        for name, value in (
            ("MAP_ID", MAP_ID),
            ("PLC_EPOCH", self._epoch),
            ("PLC_MS", self.now_ms & 0xFFFF),
            ("ENC_NOW", (ENCODER_START + int(self.position)) & 0xFFFF_FFFF),
            ("ENC_HZ", self.speed),
            ("LINE_MM_S", self.speed),
        ):
            PLC_BLOCK.put(self._words, name, value)

    def _read(self) -> None:
        if not self.reading or self.now_ms % CYCLE_MS:
            return
        newborn, self._seen_epoch = self._epoch != self._seen_epoch, self._epoch
        self._take(self.timer.observe(self._words, Sampled(self.now_ns - MS, self.now_ns), newborn))
        announced, self._announced = self._announced, []
        for part in announced:
            assert part.trigger is not None
            self.timer.carry(part.trigger)
            if part.verdict is not None:
                decision = Decision(part.trigger, part.verdict, Reason.OK, self.now_ns)
                self._due.append((self.now_ms + part.delay_ms, decision))

    def _decide(self) -> None:
        for due_ms, decision in [due for due in self._due if due[0] <= self.now_ms]:
            self._due.remove((due_ms, decision))
            self._take(self.timer.sweep(self.now_ns))
            carried = self.timer.parts.get(decision.trigger.key)
            if carried is not None and not carried.opened and decision.verdict is Verdict.PASS:
                self.parts[decision.trigger.seq - 1].proven = True
            self.timer.decide(decision)

    def _drive(self) -> None:
        """Written and confirmed within the step; while nothing can be written the coils stay as they are."""
        self._take(self.timer.sweep(self.now_ns))
        wanted = self.timer.coils(self.now_ns)
        if self.writing and wanted != self.on:
            self.on = wanted
            for coil, on in wanted.items():
                self.timer.written(coil, on)
        self.history.append((self.now_ms, dict(self.on)))

    def _take(self, events: tuple[ArmEvent, ...]) -> None:
        for event in events:
            if event.action is not None:
                assert event.trigger.seq not in self.actions, "a part came to the arm twice"
                self.actions[event.trigger.seq] = event.action
                self.missed += [event.trigger.seq] if event.missed else []

    # --- what is checked ---------------------------------------------------------------------------------------

    def ever_on(self, coil: int) -> bool:
        """Was it on at any time?"""
        return any(state.get(coil) for _, state in self.history)

    def state_at(self, coil: int, at_ms: int) -> bool:
        """The coil's state in that millisecond."""
        return self.history[at_ms - self.history[0][0]][1].get(coil, False)
