"""An operator's hand on a running station, whatever announces its parts: pause, resume, recipe, challenge, alarms."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from agent.errors import Fault
from agent.operator_orders import OperatorOrders
from agent.plc.ledger import PAUSED, Ledger

log = logging.getLogger(__name__)


class Announcer(Protocol):
    """Whoever makes parts known, and so knows by which recipe they are judged."""

    @property
    def job_of_plc(self) -> int | None:
        """The job that the PLC selects, 0 = it selects none; None: there is no PLC."""
        ...

    def select_job(self, job: int, now_ns: int) -> None:
        """By this one, where no PLC selects one; a part that may belong to either gets NO_DECISION(job_change)."""
        ...


class OperatorsHand:
    """Part of the link, whose lock guards both others. Without `orders` on disk all ends with the process."""

    def __init__(
        self, ledger: Ledger, announcer: Announcer, lock: AbstractContextManager[object], orders: OperatorOrders | None
    ) -> None:
        self._ledger, self._announcer, self._lock, self._orders = ledger, announcer, lock, orders
        if orders is not None:
            ledger.paused_by = orders.now.paused_by
            if orders.now.job:
                log.warning("job %d is in use where no PLC selects one: an operator has said so", orders.now.job)
                announcer.select_job(orders.now.job, time.monotonic_ns())

    @property
    def paused_by(self) -> str:
        """Who has paused the station; "" = nobody."""
        return self._ledger.paused_by

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        return {"paused_by": self.paused_by}

    def offline(self) -> str:
        """Why no part is inspected, if it is for this, and what to do."""
        paused_by = self._ledger.paused_by
        return f"{PAUSED.format(paused_by)}: linegate resume" if paused_by else ""

    def pause(self, who: str) -> str:
        """Take the station out of service at once; what was done, for a person. Parts under way are finished."""
        if paused_by := self._ledger.paused_by:
            return f"the station was {PAUSED.format(paused_by)} already"
        with self._lock:
            self._ledger.paused_by = who
        return "paused: no part is inspected until somebody resumes" + self._kept(lambda orders: orders.pause(who))

    def resume(self) -> str:
        """Put it into service again; what was done, for a person."""
        paused_by = self._ledger.paused_by
        if not paused_by:
            return "nobody had paused the station"
        with self._lock:
            self._ledger.paused_by = ""
        return f"resumed: the station was {PAUSED.format(paused_by)}" + self._kept(lambda orders: orders.pause(""))

    def select_job(self, job: int) -> None:
        """By this recipe from now on. Raises Fault: a PLC selects one, or a restart would not know of it."""
        with self._lock:
            of_plc = self._announcer.job_of_plc
        if of_plc:
            raise Fault(f"the PLC selects the job (JOB_SELECT = {of_plc}): change it there")
        try:
            if self._orders is not None:
                self._orders.select(job)
        except OSError as error:
            raise Fault(f"the job stays as it was: a restart would forget the new one: {error}") from error
        with self._lock:
            self._announcer.select_job(job, time.monotonic_ns())

    def challenge_next(self) -> None:
        """A part is sent through that is known to be bad: the next one to be announced."""
        with self._lock:
            self._ledger.challenge_next = True

    def clear_alarms(self) -> str:
        """Somebody has looked; what was done, for a person. Raises Fault where that is the PLC's business."""
        if self._announcer.job_of_plc is not None:
            raise Fault("this station has a PLC: alarms are cleared there, by CLEAR_FAULT")
        with self._lock:
            stood = self._ledger.situation(()).alarms
            self._ledger.clear_faults()
        return f"cleared: {', '.join(stood)}" if stood else "no alarm stood"

    def _kept(self, order: Callable[[OperatorOrders], None]) -> str:
        """A disk that is full keeps nobody from stopping a station."""
        try:
            if self._orders is not None:
                order(self._orders)
        except OSError as error:
            log.error("a restart will not know of it: %s", error)
            return f"; a restart will not know of it: {error}"
        return ""
