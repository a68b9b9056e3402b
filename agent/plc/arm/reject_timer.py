"""reject.timing = "agent": which coils of the reject arm are on now, from where every part on the belt is. Pure.

A part's *window* is the stretch of belt, centred on the arm, that `pulse_ms` covers at the speed it passed the
photo-eye with (at a higher speed now, by that one: a pulse is never shorter). Read after read it is placed anew by what
the belt really did; while the belt stands, the picture stands. The arm's own lead belongs before the window, not into
it: every change is sent `lead_ms` earlier than the part needs it, so that the pulse stays centred on the part.

Energise-to-pass: the pass coil is on only inside the window of a part that was proven before its window opened, and off
wherever that overlaps the window of one that was not. Whatever is not known is not proven.
Energise-to-reject (fail-open): the reject coil is on in the window of every part that is not proven, and wherever
nobody knows what is at the arm: parts of before our start, of an ended epoch, or of a trigger that was overrun.
Between our writes the coil stands as it was last written: one that a dead station left on must be dropped by the output
watchdog of PLC or I/O coupler before the next part comes (RejectConfig.watchdog_ms); many have theirs off by default.
BYPASS is the PLC's business here too: its key switch must hold the arm itself, the coils follow the verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.inspection import PlcAction, Trigger, Verdict
from agent.plc.arm.odometer import Odometer
from agent.plc.decision import Decision, Sampled
from agent.plc.slots import worst_defect

Key = tuple[int, int]
ROUNDING_NS = 1000
BELT_HOLDS = 1000
"""More parts cannot lie before the arm: the PLC says that the belt stands, and it does not."""
_ACTIONS = {
    Verdict.REJECT: PlcAction.REJECTED,
    Verdict.NO_DECISION: PlcAction.REJECTED_NO_DECISION,
}


@dataclass(frozen=True)
class ArmWiring:
    """Where the arm is and what drives it: exactly one of `pass_coil` and `reject_coil`."""

    distance: float
    """Photo-eye to arm, in the odometer's unit."""
    pulse_ms: float
    lead_ms: float
    pass_coil: int | None = None
    reject_coil: int | None = None
    lanes: Mapping[str, int] = field(default_factory=dict)
    """Coil by defect class, 'reject' or 'no_decision'."""

    @property
    def coils(self) -> tuple[int, ...]:
        """All that are ours, the one that decides first."""
        first = self.reject_coil if self.pass_coil is None else self.pass_coil
        assert first is not None
        return (first, *self.lanes.values())


@dataclass
class CarriedPart:
    """A part between photo-eye and arm."""

    trigger: Trigger
    target: float
    """The belt's position when the part is at the arm."""
    per_s: float
    """Belt speed when it was announced."""
    decision: Decision | None = None
    opened: bool = False
    """Its window has begun: nothing can prove it any more."""
    proven: bool = False
    acted: bool = False
    """It has been at the arm."""


@dataclass(frozen=True)
class ArmEvent:
    """A part has come to its window (`action` None), or to the arm: what was done with it."""

    trigger: Trigger
    proven: bool
    action: PlcAction | None = None
    missed: bool = False
    """It was to be rejected and the arm is not known to have stood so: the change was not confirmed in time."""


@dataclass
class RejectTimer:
    """Not thread-safe. `coils` and `sweep` go by the clock, everything else by what is read and acknowledged."""

    wiring: ArmWiring
    odometer: Odometer
    allowed: bool = False
    """False: nothing is proven, whatever its verdict was: REJECT_ALL, offline, not READY, no heartbeat."""
    parts: dict[Key, CarriedPart] = field(default_factory=dict)
    _unknown_until: float | None = None
    """Up to this position of the belt nobody knows what comes to the arm."""
    _on: dict[int, bool] = field(default_factory=dict)
    """Coils as last acknowledged."""

    # --- what is read and settled ------------------------------------------------------------------------------

    def observe(self, words: list[int], sampled: Sampled, newborn: bool) -> tuple[ArmEvent, ...]:
        """One good read of the PLC's block. `newborn`: the first of an epoch: what lies on the belt is not ours."""
        lost = not self.odometer.observe(words, sampled)
        if newborn:
            self.parts.clear()
        if lost or newborn:
            self.forget_belt()
        if not lost:
            return self.sweep(sampled.received_ns)
        dropped = [ArmEvent(part.trigger, False, _rejected(part)) for part in self.parts.values() if not part.acted]
        self.parts.clear()
        return tuple(dropped)

    def forget_belt(self) -> None:
        """Nobody knows what lies between photo-eye and arm now."""
        self._unknown_until = self.odometer.position + self.wiring.distance

    def carry(self, trigger: Trigger) -> None:
        """A part of the newest read is on its way."""
        target = self.odometer.at_photo_eye(trigger) + self.wiring.distance
        self.parts[trigger.key] = CarriedPart(trigger, target, self.odometer.per_s)
        if len(self.parts) > BELT_HOLDS:
            del self.parts[next(iter(self.parts))]

    def decide(self, decision: Decision) -> None:
        """A settled decision; it proves nothing any more once the part's window has opened."""
        part = self.parts.get(decision.trigger.key)
        if part is not None:
            part.decision = decision

    def written(self, coil: int, on: bool) -> None:
        """The PLC has confirmed this state of a coil."""
        self._on[coil] = on

    # --- by the clock ------------------------------------------------------------------------------------------

    def sweep(self, now_ns: int) -> tuple[ArmEvent, ...]:
        """Parts that have come to their window or to the arm; call before the answers of the other calls change.

        While the belt is not known nothing happens: the next good read says where the parts really are.
        """
        if not self.odometer.known(now_ns):
            return ()
        events: list[ArmEvent] = []
        for key, part in list(self.parts.items()):
            ahead, reach = self._ahead(part.target, now_ns), self._reach(part)
            if not part.opened and ahead <= reach:
                passed = part.decision is not None and part.decision.verdict is Verdict.PASS
                part.opened, part.proven = True, passed and self.allowed
                events.append(ArmEvent(part.trigger, part.proven))
            if not part.acted and ahead <= 0:
                part.acted = True
                events.append(self._act(part))
            if ahead < -reach:
                del self.parts[key]
        return tuple(events)

    def coils(self, now_ns: int) -> dict[int, bool]:
        """The state of every coil of ours, now."""
        known = self.odometer.known(now_ns)
        at_arm = [part for part in self.parts.values() if part.opened] if known else []
        for part in at_arm:
            part.proven &= self.allowed
        unproven = [part for part in at_arm if not part.proven]
        state = dict.fromkeys(self.wiring.coils, False)
        if self.wiring.pass_coil is not None:
            state[self.wiring.pass_coil] = bool(at_arm) and not unproven
        if self.wiring.reject_coil is not None:
            state[self.wiring.reject_coil] = bool(unproven) or not known or self._in_unknown(now_ns)
        for lane in map(self._lane, unproven):
            if lane is not None:
                state[lane] = True
        return state

    def opening_ns(self, key: Key) -> int | None:
        """When the part's window opens; None: the belt stands, or the part is not on it."""
        part = self.parts.get(key)
        return self._reaches_ns(part.target - self._reach(part)) if part else None

    def next_change_ns(self, now_ns: int) -> int | None:
        """When a coil may have to change next, if the belt goes on as it does; None: not before the next read."""
        edges = [part.target + side * self._reach(part) for part in self.parts.values() for side in (-1, 1)]
        times = [time_ns for edge in edges if (time_ns := self._reaches_ns(edge)) is not None]
        if self.odometer.known(now_ns):
            times.append(self.odometer.at_ns + int(self.odometer.known_ms * 1e6))
        return min((time_ns + ROUNDING_NS for time_ns in times if time_ns + ROUNDING_NS > now_ns), default=None)

    def _act(self, part: CarriedPart) -> ArmEvent:
        """What the arm did with the part that is before it: judged by what the PLC has confirmed, at the worst."""
        wiring = self.wiring
        if wiring.pass_coil is not None:
            passed = self._on.get(wiring.pass_coil, False)
        else:
            assert wiring.reject_coil is not None
            passed = not self._on.get(wiring.reject_coil, False)
        action = PlcAction.PASSED if passed else _rejected(part)
        return ArmEvent(part.trigger, part.proven, action, missed=passed and not part.proven)

    def _ahead(self, target: float, now_ns: int) -> float:
        """How far the belt must still go until the coil for a part of this target is in the middle of its pulse."""
        lead = self.wiring.lead_ms / 1000 * self.odometer.per_s
        return target - self.odometer.position_at(now_ns) - lead

    def _reaches_ns(self, position: float) -> int | None:
        return self.odometer.reaches_ns(position - self.wiring.lead_ms / 1000 * self.odometer.per_s)

    def _reach(self, part: CarriedPart) -> float:
        """Half a window."""
        return self.wiring.pulse_ms / 2000 * max(part.per_s, self.odometer.per_s)

    def _in_unknown(self, now_ns: int) -> bool:
        if self._unknown_until is None:
            return False
        if self._ahead(self._unknown_until, now_ns) < -self.wiring.pulse_ms / 2000 * self.odometer.per_s:
            self._unknown_until = None
        return self._unknown_until is not None

    def _lane(self, part: CarriedPart) -> int | None:
        """The lane of the worst defect, else of rejects; without a decision that of no-decisions."""
        lanes, decision = self.wiring.lanes, part.decision
        if decision is None or decision.verdict is Verdict.NO_DECISION:
            return lanes.get("no_decision")
        worst = worst_defect(decision)
        return lanes.get(worst.name if worst else "reject", lanes.get("reject"))


def _rejected(part: CarriedPart) -> PlcAction:
    verdict = part.decision.verdict if part.decision else Verdict.PASS
    return _ACTIONS.get(verdict, PlcAction.REJECTED_NO_VERDICT)
