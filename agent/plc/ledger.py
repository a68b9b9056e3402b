"""Every part from its trigger to its end: exactly one decision each. Pure, and the same for every profile.

A part is *open* from its trigger until it is *settled* by a verdict or by its deadline, whichever comes first;
*released* when the verdict may go on the wire (its journal row is on disk); *closed* when the PLC says what
became of it, or no word came in time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.alarms import AlarmLimits, Alarms
from agent.plc.counters import Counters
from agent.plc.decision import MS, Closed, Decision, Situation
from agent.plc.part import Part
from agent.plc.register_map import Alarm, Status, names_of
from agent.setup import Setup

OUTCOME_PATIENCE_MS = 1000
"""After the decision point the PLC's word on the part must come within this, else it closes as unknown."""
MOST_PARTS = 256
"""No belt holds so many between photo-eye and arm: of more, the oldest closes without the PLC's word."""
STANDING_PATIENCE_MS = 10_000
"""A line that stands brings no part to its decision point; but somebody wants to see the row that stopped it."""

OUT_OF_STEP = "camera and PLC count differently: clear the belt, then CLEAR_FAULT"
PAUSED = "paused by {}"
_MISSED = {
    Reason.CAPTURE_WINDOW: Status.MISSED_ACQ,
    Reason.FRAME_TIMEOUT: Status.MISSED_ACQ,
    Reason.CAMERA_LOST: Status.MISSED_ACQ | Status.CAMERA_DOWN,
    Reason.FRAME_MISMATCH: Status.PART_ID_ERROR,
    Reason.RING_OVERRUN: Status.RING_OVERRUN,
}


@dataclass
class Ledger:
    """The open and the settled parts of one station, oldest first; not thread-safe."""

    guard_ms: float
    limits: AlarmLimits = field(default_factory=AlarmLimits)
    reject_all: bool = False
    """REJECT_ALL as last read: no part may be PASS."""
    challenge_next: bool = False
    """The next part to be inspected is a challenge: the PLC or an operator has said so."""
    sticky: Status = Status(0)  # noqa: RUF009 - an enum member is immutable
    """Errors that stay until CLEAR_FAULT."""
    error_code: Reason = Reason.OK
    """Of the newest NO_DECISION, until CLEAR_FAULT."""
    paused_by: str = ""
    """The operator who has taken the station out of service: no part may be inspected until somebody resumes it."""
    out_of_step: bool = False
    """Camera and PLC count differently: no part may be inspected until CLEAR_FAULT."""
    inspected: int = 0
    """Parts whose photo was judged in time, since the start."""
    reasons: Counter[Reason] = field(default_factory=Counter)
    """Of all NO_DECISION since the start."""
    parts: dict[tuple[int, int], Part] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    alarms: Alarms = field(init=False)

    def __post_init__(self) -> None:
        self.alarms = Alarms(self.limits)

    def open(self, trigger: Trigger, inspected: bool = True) -> Trigger:
        """A part has been announced; the trigger as it shall go to the station, if it is to be inspected."""
        if self.challenge_next and inspected:
            trigger, self.challenge_next = replace(trigger, challenge=True), False
        self.parts[trigger.key] = Part(trigger, trigger.deadline_ns, self.reject_all, trigger.bypass)
        return trigger

    def refusal(self) -> Reason:
        """Why no part may be inspected now, whatever it is; OK when they may."""
        if self.paused_by:
            return Reason.OFFLINE
        return Reason.FRAME_MISMATCH if self.out_of_step else Reason.OK

    def begin(self, trigger: Trigger) -> bool:
        """Shall it be inspected? Not if it was settled while it waited, by its deadline for one: it counts as late."""
        part = self.parts.get(trigger.key)
        in_time = part is not None and part.decision is None
        self.counters.late += not in_time
        return in_time

    def settle(self, decision: Decision) -> Decision | None:
        """Settle an open part. None: it was settled before (its deadline passed) and this verdict is late.

        A PASS at or after the deadline becomes NO_DECISION(deadline); one for a challenge part, or under
        REJECT_ALL, becomes REJECT. The reason tells the PLC that a part was a challenge, whoever announced it.
        """
        part = self.parts.get(decision.trigger.key)
        if part is None or part.decision is not None:
            self.counters.late += 1
            if part is not None:
                part.late, part.late_evidence = decision.verdict, decision.evidence
            if decision.trigger.challenge and decision.verdict is Verdict.PASS:
                self.alarms.latch(Alarm.CHALLENGE_PASSED)
            return None
        if decision.verdict is Verdict.PASS:
            decision = self._restricted(part, decision)
        elif decision.verdict is Verdict.REJECT and part.trigger.challenge:
            decision = replace(decision, reason=Reason.CHALLENGE_REJECTED)
        part.decision = decision
        return decision

    def _restricted(self, part: Part, decision: Decision) -> Decision:
        """What may not be a PASS, whatever was seen."""
        if part.trigger.challenge:
            bad = "challenge part judged PASS"
            return replace(decision, verdict=Verdict.REJECT, reason=Reason.CHALLENGE, detail=bad)
        if decision.settled_ns >= part.deadline_ns:
            self.counters.late += 1
            part.late = decision.verdict
            late = "the verdict came too late"
            return replace(decision, verdict=Verdict.NO_DECISION, reason=Reason.DEADLINE, detail=late)
        if self.reject_all or part.reject_all:
            ordered = "the PLC orders REJECT_ALL"
            return replace(decision, verdict=Verdict.REJECT, reason=Reason.REJECT_ALL, detail=ordered)
        return decision

    def refuse(self, trigger: Trigger, reason: Reason, detail: str, now_ns: int) -> Decision:
        """NO_DECISION at once for a part that was just opened."""
        return self._no_decision(self.parts[trigger.key], reason, detail, now_ns)

    def withdraw(self, decision: Decision, reason: Reason, detail: str) -> Decision:
        """Replace a settled, not yet released decision by NO_DECISION."""
        part = self.parts[decision.trigger.key]
        part.late_evidence = decision.evidence
        return self._no_decision(part, reason, detail, decision.settled_ns)

    def expire(self, now_ns: int) -> tuple[Decision, ...]:
        """NO_DECISION(deadline) for every open part whose last moment has passed, or that the PLC has decided on."""
        return tuple(
            self._no_decision(part, Reason.DEADLINE, "no verdict before the deadline", now_ns)
            for part in self.parts.values()
            if part.decision is None and (now_ns >= part.deadline_ns or part.action is not None)
        )

    def drop_all(self, now_ns: int) -> tuple[Decision, ...]:
        """The PLC has begun a new epoch: NO_DECISION for what is open; what it did with the others stays unknown."""
        self.challenge_next = False
        open_parts = [part for part in self.parts.values() if part.decision is None]
        for part in self.parts.values():
            part.action = part.action or PlcAction.UNKNOWN
        return tuple(
            self._no_decision(part, Reason.EPOCH_CHANGED, "the PLC started a new epoch", now_ns) for part in open_parts
        )

    def release(self, decision: Decision) -> bool:
        """A settled decision is final and may go on the wire; False when it is not the part's any more."""
        part = self.parts.get(decision.trigger.key)
        if part is None or part.decision is not decision:
            return False
        part.released = True
        self.counters.decided(decision)
        self.alarms.decided(decision)
        self.inspected += decision.evidence is not None and decision.verdict is not Verdict.NO_DECISION
        if decision.verdict is Verdict.NO_DECISION:
            self.error_code = decision.reason
            self.reasons[decision.reason] += 1
            self.counters.missed += decision.reason in _MISSED
            self.sticky |= _MISSED.get(decision.reason, Status(0))
        if decision.reason is Reason.JOURNAL:
            self.alarms.latch(Alarm.JOURNAL)
        return True

    def acknowledged(self, holds: set[tuple[int, int]], now_ns: int) -> None:
        """The PLC has confirmed a block with the verdicts of these parts."""
        for key in holds:
            if self.parts[key].acknowledged_ns is None:
                self.parts[key].acknowledged_ns = now_ns

    def unacknowledged(self) -> list[Decision]:
        """Released decisions of which no write has been confirmed yet."""
        return [
            part.decision
            for part in self.parts.values()
            if part.decision is not None and part.released and part.acknowledged_ns is None
        ]

    def close(self, now_ns: int) -> tuple[Closed, ...]:
        """Take out the parts that are finished, oldest first; later ones wait, so that order is kept."""
        closed: list[Closed] = []
        patience_ns = int((self.guard_ms + OUTCOME_PATIENCE_MS) * MS)
        for key, part in list(self.parts.items()):
            if part.decision is None or not part.released:
                break
            waits = part.action is None and now_ns < part.deadline_ns + part.stood_ns + patience_ns
            if waits and len(self.parts) <= MOST_PARTS:
                break
            closed.append(part.closed(part.decision))
            del self.parts[key]
            if closed[-1].passed_unproven:
                self.alarms.latch(Alarm.PASSED_UNPROVEN)
        return tuple(closed)

    def watch_line(self, bypass: bool, stood_ns: int) -> None:
        """What the PLC is yet to decide: with BYPASS on anything may pass; a line that stands takes longer."""
        for part in self.parts.values():
            if part.action is None:
                part.bypassed |= bypass
                part.stood_ns = min(part.stood_ns + stood_ns, STANDING_PATIENCE_MS * MS)

    def situation(self, status: tuple[str, ...]) -> Situation:
        """What is known of the parts, for people, beside the bits of STATUS."""
        reasons = {reason.name.lower(): count for reason, count in sorted(self.reasons.items())}
        return Situation(status, names_of(self.alarms.latched), inspected=self.inspected, no_decisions=reasons)

    def undecided(self) -> set[tuple[int, int]]:
        """Keys of the parts with a verdict of which the PLC is yet to say what became."""
        return {key for key, part in self.parts.items() if part.decision is not None and part.action is None}

    def setups(self) -> set[Setup | None]:
        """What the open parts were announced for."""
        return {part.trigger.setup for part in self.parts.values() if part.decision is None}

    def lose_step(self) -> None:
        """Camera and PLC count differently."""
        self.out_of_step, self.error_code = True, Reason.FRAME_MISMATCH
        self.sticky |= Status.PART_ID_ERROR

    def clear_faults(self) -> None:
        """CLEAR_FAULT has risen."""
        self.sticky, self.error_code, self.out_of_step = Status(0), Reason.OK, False
        self.alarms.clear()

    def status(self) -> Status:
        """What the parts and the alarms say in STATUS."""
        status = self.sticky | self.alarms.status()
        for part in self.parts.values():
            if part.decision is None:
                status |= Status.RESULT_PENDING | (Status.BUSY if part.exposed else Status.ACQUIRING)
        return status

    def _no_decision(self, part: Part, reason: Reason, detail: str, now_ns: int) -> Decision:
        part.decision = Decision(part.trigger, Verdict.NO_DECISION, reason, now_ns, detail)
        return part.decision
