"""What the log says of parts: one line for each without a decision, and for whatever passed unproven."""

from __future__ import annotations

import logging

from agent.inspection import Verdict
from agent.log.about import about
from agent.log.happening import Happening
from agent.plc.decision import Closed, Decision

log = logging.getLogger(__name__)


def tell_no_decision(decision: Decision) -> None:
    """Of a decision that has gone out: if it is none, which part, and why."""
    if decision.verdict is not Verdict.NO_DECISION:
        return
    trigger, reason = decision.trigger, decision.reason.name.lower()
    log.warning("part %d (trigger %d): no decision (%s: %s)", trigger.part_id, trigger.seq, reason, decision.detail,
                extra=about(Happening.NO_DECISION, trigger, REASON=reason, VERDICT=decision.verdict.value))  # fmt: skip


def tell_finished(part: Closed) -> None:
    """The PLC has decided on it."""
    if part.passed_unproven:
        trigger, verdict = part.decision.trigger, part.verdict.value
        log.critical("part %d (trigger %d): the PLC passed it although the verdict was %s",
                     trigger.part_id, trigger.seq, verdict,
                     extra=about(Happening.PASSED_UNPROVEN, trigger, VERDICT=verdict))  # fmt: skip
