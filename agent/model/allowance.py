"""How long a run of the model may take, by what the parts of this station have had to spare until now."""

from __future__ import annotations

from collections import deque

from agent.camera_config import TriggerConfig
from agent.messages import ResultMessage
from agent.plc.decision import Closed

NEWEST_PARTS = 200
SHARE = 20
"""One part in so many may have had less to spare: a hiccup of the computer is no measure."""


class Allowance:
    """Listens to completed rows. `with_plc`: the deadline of each part is the PLC's, else trigger.deadline_ms."""

    def __init__(self, trigger: TriggerConfig, with_plc: bool) -> None:
        self._limits = {"trigger.min_pitch_ms": trigger.min_pitch_ms}
        if trigger.period_ms is not None:
            self._limits["trigger.period_ms"] = trigger.period_ms
        if not with_plc:
            self._limits["trigger.deadline_ms"] = trigger.deadline_ms
        self._could_ms: deque[float] = deque(maxlen=NEWEST_PARTS)
        """Of each part: how long its run could have taken, with its verdict still in time."""

    def heard(self, message: ResultMessage, closed: Closed | None) -> None:
        """A completed row; in the journal's thread."""
        seen = closed.decision.evidence if closed else None
        if closed and seen and message.valid:
            spare_ms = (closed.decision.trigger.deadline_ns - closed.decision.settled_ns) / 1e6
            self._could_ms.append(seen.stages_ms["run"] + spare_ms)

    def strictest(self) -> tuple[float, str]:
        """(ms, what sets it)."""
        limits = {f"{name} = {value:g}": value for name, value in self._limits.items()}
        could_ms = sorted(self._could_ms.copy())
        if could_ms:
            limits["the newest parts' deadlines"] = could_ms[len(could_ms) // SHARE]
        return min((value, name) for name, value in limits.items())
