"""One part on its way from trigger to the PLC's outcome, as the handshake keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.inspection import PlcAction, Reason, Trigger, Verdict
from agent.plc.decision import Closed, Decision


@dataclass
class Part:
    """Open until `decision` is set, on the wire once `released`, finished when the PLC's `action` is known."""

    trigger: Trigger
    decision: Decision | None = None
    released: bool = False
    acknowledged_ns: int | None = None
    action: PlcAction | None = None
    late: Verdict | None = None

    def closed(self, decision: Decision) -> Closed:
        """The verdict that stands: what the PLC had when it decided; unsaid, what it confirmed in time."""
        action = self.action or PlcAction.UNKNOWN
        in_time = self.acknowledged_ns is not None and self.acknowledged_ns <= self.trigger.deadline_ns
        lost = action is PlcAction.REJECTED_NO_VERDICT or (action is PlcAction.UNKNOWN and not in_time)
        if not lost or decision.verdict is Verdict.NO_DECISION:
            return Closed(decision, decision.verdict, decision.reason, self.acknowledged_ns, action, self.late)
        late = self.late or decision.verdict
        return Closed(decision, Verdict.NO_DECISION, Reason.PLC_LINK, self.acknowledged_ns, action, late)
