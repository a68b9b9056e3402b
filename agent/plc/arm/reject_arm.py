"""What Linegate has to do with the reject arm beside the verdict: coils of its own, the confirm sensor, their counters.

Pure. Stations whose PLC times the arm, without a confirm sensor, have none of this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from agent.inspection import PlcAction, Reason
from agent.plc.arm.confirm import ConfirmSensor
from agent.plc.arm.reject_timer import ArmEvent, RejectTimer
from agent.plc.decision import MS, NO_CTRL, Decision, Observation, Sampled
from agent.plc.ledger import Ledger
from agent.plc.part import Part
from agent.plc.register_map import PLC_BLOCK, Alarm, Ctrl
from agent.plc.slots import BELT_STANDS_MS

NEVER_NS = 1 << 62
REJECTED = {PlcAction.REJECTED, PlcAction.REJECTED_NO_DECISION, PlcAction.REJECTED_NO_VERDICT}


@dataclass
class RejectArm:
    """Beside the handshake, of the same parts. `timer`: we drive the arm; `sensor`: somebody counts the rejects."""

    ledger: Ledger
    timer: RejectTimer | None
    sensor: ConfirmSensor | None
    _ctrl: Ctrl = NO_CTRL
    _noted: set[tuple[int, int]] = field(default_factory=set)
    """Parts of the ledger whose reject by the PLC the sensor has been told of."""

    def observe(self, words: list[int], sampled: Sampled, seen: Observation) -> Observation:
        """What the handshake has made of one read: the same, its triggers with the deadline that the arm gives."""
        if seen.torn:
            return seen
        self._ctrl = seen.ctrl
        if self.sensor and seen.born:
            self.sensor.begin_epoch()
        if self.timer:
            self._account(self.timer, self.timer.observe(words, sampled, bool(seen.born)), sampled.received_ns)
            self._place(self.timer, seen)
            seen = self._set_deadlines(self.timer, words, seen, sampled)
        elif self.sensor:
            self._note_rejects(self.sensor, sampled)
        if self.sensor:
            self._confirm(self.sensor.observe(PLC_BLOCK.get(words, "CONFIRM_CNT"), sampled.sent_ns))
        return seen

    def decided(self, decision: Decision, now_ns: int) -> None:
        """A decision is final; for a part at the arm already it comes too late."""
        self.tick(now_ns)
        if self.timer:
            self.timer.decide(decision)

    def tick(self, now_ns: int) -> None:
        """Parts come to the arm by the clock."""
        if self.timer:
            self._account(self.timer, self.timer.sweep(now_ns), now_ns)

    def coils(self, now_ns: int, ready: bool) -> tuple[dict[int, bool], float]:
        """How our coils must stand now, and when (s) that may change if nothing is read or decided before.

        `ready`: the station is READY and its heart beats.
        """
        if self.timer is None:
            return {}, math.inf
        self.timer.allowed = ready and not self._ctrl & (Ctrl.REJECT_ALL | Ctrl.SET_OFFLINE)
        self.tick(now_ns)
        change_ns = self.timer.next_change_ns(now_ns)
        return self.timer.coils(now_ns), math.inf if change_ns is None else change_ns / 1e9

    def at_rest(self) -> tuple[dict[int, bool], float]:
        """All off: at an orderly end, when the PLC is told OFFLINE."""
        return (dict.fromkeys(self.timer.wiring.coils, False) if self.timer else {}), math.inf

    def written(self, coil: int, on: bool, now_ns: int) -> None:
        """The PLC has confirmed it; parts that came to the arm before met the state of before."""
        self.tick(now_ns)
        if self.timer:
            self.timer.written(coil, on)

    # --- our own coils -----------------------------------------------------------------------------------------

    def _place(self, timer: RejectTimer, seen: Observation) -> None:
        """Every part that was announced has its place on the belt, also one that nobody will inspect."""
        announced = {trigger.key for trigger in seen.triggers} | {decision.trigger.key for decision in seen.settled}
        for key, part in self.ledger.parts.items():
            if key not in announced or part.action is not None:
                continue
            if part.decision is not None and part.decision.reason is Reason.RING_OVERRUN:
                timer.forget_belt()  # nobody knows where it lies
                part.action = PlcAction.REJECTED_NO_DECISION
            else:
                timer.carry(part.trigger)

    def _set_deadlines(self, timer: RejectTimer, words: list[int], seen: Observation, sampled: Sampled) -> Observation:
        """The last moment for a PASS is the window's opening less the guard, or the PLC's where that is earlier."""
        for part in self.ledger.parts.values():
            if part.action is None:
                opening_ns = self._last_moment_ns(timer, part, sampled)
                part.deadline_ns = min(opening_ns, _plc_deadline_ns(part, words))
        parts = self.ledger.parts
        return replace(seen, triggers=tuple(replace(t, deadline_ns=parts[t.key].deadline_ns) for t in seen.triggers))

    def _last_moment_ns(self, timer: RejectTimer, part: Part, sampled: Sampled) -> int:
        """On a belt that stands it is far off, but not for ever."""
        if part.trigger.key not in timer.parts:
            return sampled.sent_ns
        stands_ns = part.trigger.latest_ns + int(BELT_STANDS_MS * MS)
        opening_ns = timer.opening_ns(part.trigger.key)
        return stands_ns if opening_ns is None else min(stands_ns, opening_ns - int(self.ledger.guard_ms * MS))

    def _account(self, timer: RejectTimer, events: Iterable[ArmEvent], now_ns: int) -> None:
        for event in events:
            key, bypassed = event.trigger.key, event.trigger.bypass or bool(self._ctrl & Ctrl.BYPASS)
            if event.action is None:
                if self.sensor and not event.proven and not bypassed:
                    self.sensor.expect(key)
                continue
            if self.sensor:
                self.sensor.arrived(key, now_ns + int(timer.wiring.lead_ms * MS))
            if key in self.ledger.parts:
                self.ledger.parts[key].action = event.action
            if event.missed and not bypassed:
                self.ledger.counters.missed_rejects += 1
                self.ledger.alarms.latch(Alarm.MISSED_REJECT)

    # --- the confirm sensor ------------------------------------------------------------------------------------

    def _note_rejects(self, sensor: ConfirmSensor, sampled: Sampled) -> None:
        """The PLC times the arm: its outcome word says that a part has come to its decision point, and which way."""
        self._noted &= self.ledger.parts.keys()
        for key, part in self.ledger.parts.items():
            if part.action in REJECTED and key not in self._noted:
                self._noted.add(key)
                sensor.expect(key)
                sensor.arrived(key, sampled.received_ns)

    def _confirm(self, found: Iterable[bool]) -> None:
        for confirmed in found:
            self.ledger.counters.unconfirmed += not confirmed
            self.ledger.alarms.rejected(confirmed)


def _plc_deadline_ns(part: Part, words: list[int]) -> int:
    """The deadline of a PLC that has a decision point of its own before the arm, for a part that is still open."""
    if part.decision is None and PLC_BLOCK.get(words, "DECIDE_COUNTS"):
        return part.deadline_ns  # the handshake has just moved it
    if part.decision is None and PLC_BLOCK.get(words, "DECIDE_MS"):
        return part.trigger.deadline_ns
    return NEVER_NS
