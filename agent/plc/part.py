"""One part on its way from trigger to the PLC's outcome, as the handshake keeps it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.inspection import Inspection, PlcAction, Reason, Trigger, Verdict
from agent.plc.decision import Closed, Decision, Sampled


@dataclass
class Part:
    """Open until `decision` is set, on the wire once `released`, finished when the PLC's `action` is known."""

    trigger: Trigger
    deadline_ns: int
    """The trigger's at first; where the PLC goes by its encoder, belt speed moves it."""
    reject_all: bool = False
    bypassed: bool = False
    """BYPASS was on at some time between trigger and outcome: the PLC may have passed it without a word of ours."""
    exposed: bool = False
    decision: Decision | None = None
    released: bool = False
    acknowledged_ns: int | None = None
    action: PlcAction | None = None
    stood_ns: int = 0
    """How long the line has stood since the verdict: meanwhile nothing comes to its decision point."""
    late: Verdict | None = None
    late_evidence: Inspection | None = None
    """What was seen, where it came too late for the decision, or was withdrawn."""

    def move_deadline(self, deadline_ns: int, sampled: Sampled) -> None:
        """Belt speed moves it; once there is a verdict only nearer, and once it has passed no more."""
        if self.decision is None:
            self.deadline_ns = deadline_ns
        elif deadline_ns > sampled.received_ns:
            self.deadline_ns = min(self.deadline_ns, deadline_ns)

    def closed(self, decision: Decision) -> Closed:
        """The verdict that stands: what the PLC had when it decided; unsaid, what it confirmed in time."""
        action = self.action or PlcAction.UNKNOWN
        decision = replace(decision, evidence=decision.evidence or self.late_evidence)
        in_time = None if self.acknowledged_ns is None else self.acknowledged_ns <= self.deadline_ns
        lost = action is PlcAction.REJECTED_NO_VERDICT or (action is PlcAction.UNKNOWN and not in_time)
        verdict, reason, late = decision.verdict, decision.reason, self.late
        if lost and verdict is not Verdict.NO_DECISION:
            verdict, reason, late = Verdict.NO_DECISION, Reason.PLC_LINK, late or verdict
        return Closed(decision, verdict, reason, self.acknowledged_ns, action, late, in_time, self.bypassed)
