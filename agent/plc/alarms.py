"""What somebody should know about, latched until CLEAR_FAULT: the ALARM word and the request to stop the line. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from agent.inspection import Reason, Verdict
from agent.plc.decision import Decision
from agent.plc.register_map import STOP_ALARMS, Alarm, Status

RECENT_PARTS = 1000
DEADLINE_MISSES = 1
"""So many of RECENT_PARTS may miss their deadline (0.1 %)."""
ORDERED = {Reason.OFFLINE, Reason.REJECT_ALL, Reason.JOB_CHANGE, Reason.EPOCH_CHANGED}
"""The PLC's own doing: no sign of a fault."""


@dataclass(frozen=True)
class AlarmLimits:
    """So many in a row and the line is asked to stop; 0 = never."""

    consecutive_rejects: int = 0
    consecutive_no_decisions: int = 0
    consecutive_unconfirmed: int = 0


@dataclass
class Alarms:
    """Fed with every decision as it is released."""

    limits: AlarmLimits
    latched: Alarm = Alarm(0)  # noqa: RUF009 - an enum member is immutable
    _rejects: int = 0
    _no_decisions: int = 0
    _unconfirmed: int = 0
    _misses: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT_PARTS))

    def status(self) -> Status:
        """STOP_REQUEST or WARN, as the latched alarms ask for."""
        stop = Status.STOP_REQUEST if self.latched & STOP_ALARMS else Status(0)
        return stop | (Status.WARN if self.latched & ~STOP_ALARMS else Status(0))

    def latch(self, alarm: Alarm) -> None:
        """Raise `alarm` until somebody clears it."""
        self.latched |= alarm

    def clear(self) -> None:
        """CLEAR_FAULT: somebody has looked; counting begins anew."""
        self.latched = Alarm(0)
        self._rejects = self._no_decisions = self._unconfirmed = 0
        self._misses.clear()

    def decided(self, decision: Decision) -> None:
        """Count runs of rejects and of no-decisions; challenge parts, bypassed and ordered ones are no sign of any."""
        if decision.reason is Reason.CHALLENGE:
            self.latch(Alarm.CHALLENGE_PASSED)
        if decision.evidence is not None and decision.evidence.judgement.alarm:
            self.latch(Alarm.DEFECT)
        if decision.trigger.challenge or decision.trigger.bypass or decision.reason in ORDERED:
            return
        self._rejects = self._rejects + 1 if decision.verdict is Verdict.REJECT else 0
        self._no_decisions = self._no_decisions + 1 if decision.verdict is Verdict.NO_DECISION else 0
        if reached(self._rejects, self.limits.consecutive_rejects):
            self.latch(Alarm.CONSECUTIVE_REJECTS)
        if reached(self._no_decisions, self.limits.consecutive_no_decisions):
            self.latch(Alarm.CONSECUTIVE_NO_DECISIONS)
        self._misses.append(decision.reason is Reason.DEADLINE)
        if sum(self._misses) > DEADLINE_MISSES:
            self.latch(Alarm.DEADLINES)

    def rejected(self, confirmed: bool) -> None:
        """The confirm sensor's word on one reject."""
        self._unconfirmed = 0 if confirmed else self._unconfirmed + 1
        if not confirmed:
            self.latch(Alarm.UNCONFIRMED_REJECT)
        if reached(self._unconfirmed, self.limits.consecutive_unconfirmed):
            self.latch(Alarm.REJECTS_UNCONFIRMED)


def reached(count: int, limit: int) -> bool:
    """0 is no limit."""
    return 0 < limit <= count
