"""What the log says of parts that took an end of their own: settled without the station, or passed unproven."""

from __future__ import annotations

import logging

from agent.inspection import Reason
from agent.plc.decision import Closed, Decision
from agent.repeated import Repeated

log = logging.getLogger(__name__)


class PartsLog:
    """A line for each; while camera and PLC are out of step, which is said where it happens, one for many."""

    def __init__(self) -> None:
        self._out_of_step = Repeated()

    def no_decision(self, decision: Decision) -> None:
        """Settled by the link: its photo never came to the station, or its deadline did first."""
        what = f"no decision ({decision.reason.name.lower()}: {decision.detail})"
        times = self._out_of_step.due(what) if decision.reason is Reason.FRAME_MISMATCH else 1
        if times:
            since = f", {times} parts since this was said last" if times > 1 else ""
            log.warning("part %d: %s%s", decision.trigger.part_id, what, since)

    def finished(self, part: Closed) -> None:
        """The PLC has decided on it."""
        if part.passed_unproven:
            log.critical(
                "part %d: the PLC passed it although the verdict was %s", part.decision.trigger.part_id, part.verdict
            )
