"""The link of a station without a PLC: parts are announced to it, and each gets exactly one decision in time.

Nobody but the deadline settles a part from outside, and nobody says what became of it: a row is complete as soon as
its verdict is, and what a subscriber does with it is not known here.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import SimpleQueue

from agent.errors import Fault
from agent.health import Health
from agent.inspection import PlcAction, Reason, Trigger
from agent.journal.journal import Journal
from agent.link import each_in_time, late_again
from agent.operator_orders import OperatorOrders
from agent.operators_hand import OperatorsHand
from agent.plc.decision import Closed, Decision, Situation
from agent.plc.ledger import Ledger
from agent.plc.parts_log import tell_no_decision
from agent.plc.register_map import next_seq
from agent.raised import Raised
from agent.setup import Setup
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

MOST_WAITING = 32
"""So many parts may wait for the loop, each perhaps with its photo; of more, the newest is not inspected."""
TICK_S = 0.01
WAITING_S = 1.0
PROGRESS_LIMIT_S = 2.0


class StandaloneLink:
    """Its thread runs from the start; close it when done.

    `job`: the recipe of every part, unless an operator selects another. `deadline_ms`: a verdict later than this
    after the part's trigger is NO_DECISION.
    `blind`: why whoever announces the parts cannot see any yet, "" when it can; raises Fault when it never will.
    `raised`: alarms of what goes on beside the parts.
    Each start is an epoch of its own (`agent_epoch`): nobody has counted what passed while no station ran, so a gap
    row stands for it.
    """

    def __init__(self, agent_epoch: int, job: int, deadline_ms: float, journal: Journal, health: Health,
                 blind: Callable[[], str], orders: OperatorOrders | None = None,
                 raised: Raised | None = None) -> None:  # fmt: skip
        self._epoch, self._deadline_ns = agent_epoch, int(deadline_ms * 1e6)
        self._job, self._job_since_ns = job, 0
        self._setup: Setup | None = None
        self._journal, self._health, self._blind = journal, health, blind
        self._lock = threading.RLock()
        self._ledger = Ledger(guard_ms=0)
        self.operator = OperatorsHand(self._ledger, self, self._lock, orders)
        self._triggers: SimpleQueue[Trigger] = SimpleQueue()
        self._under_way: tuple[int, int] | None = None
        self._seq = self._parts = 0
        self._ready = False
        self._ticked_ns = time.monotonic_ns()
        self._raised = raised or Raised()
        self._worker = Worker("standalone-link", self._watch)
        self._worker.start()

    # --- whoever announces parts ---------------------------------------------------------------------------------

    def announce(self, at_ns: int) -> Trigger | None:
        """A part was there at `at_ns`. None: nobody will ask for its photo; while not READY it is no part either."""
        with self._lock:
            if not self._counting:
                return None
            reason, why = Reason.OK, ""
            if self._triggers.qsize() >= MOST_WAITING:
                reason, why = Reason.RING_OVERRUN, f"{MOST_WAITING} parts were waiting already"
            elif at_ns <= self._job_since_ns:
                reason, why = Reason.JOB_CHANGE, "announced while the job changed"
            trigger = self._open(at_ns, inspected=not reason)
            if reason:
                self._refuse(trigger, reason, why)
                return None
            self._triggers.put(trigger)
            return trigger

    def missed(self, at_ns: int, reason: Reason, detail: str) -> None:
        """A part was there at `at_ns`, and there is no photo to judge it by: NO_DECISION at once."""
        with self._lock:
            if self._counting:
                self._refuse(self._open(at_ns, inspected=False), reason, detail)

    def ask(self) -> Trigger:
        """Somebody asks for an inspection now. Raises Fault when it is not accepted: then there is no part."""
        with self._lock:
            if self._triggers.qsize() >= MOST_WAITING:
                raise Fault(f"busy: {MOST_WAITING} parts are waiting already; ask more slowly")
            trigger = self.announce(time.monotonic_ns())
        if trigger is None:
            raise Fault(self.operator.offline() or "the station is not READY: ask again when it is")
        return trigger

    @property
    def _counting(self) -> bool:
        return self._ready and not self._ledger.paused_by

    # --- the station's side --------------------------------------------------------------------------------------

    def wait_for_triggers(self, waiting: Callable[[str], None], stop: threading.Event) -> bool:
        """Block until parts can be seen; `waiting` is told why not yet, about once a second."""
        said_s, late = 0.0, False
        while trouble := self._blind():
            if time.monotonic() - said_s >= WAITING_S:
                late = late_again(self.progressing(), late)
                waiting(trouble)
                said_s = time.monotonic()
            if stop.wait(TICK_S):
                return False
        return True

    def set_ready(self) -> None:
        """Parts count from now on."""
        self._journal.begin_epoch(self._epoch, 0)
        self._ready = True

    def triggers(self, stop: threading.Event) -> Iterator[Trigger | None]:
        """Every part to inspect that no deadline has settled, until `stop`; None while there is none."""
        return each_in_time(self._triggers, self._begin, stop)

    def change_setup(self, setup: Setup) -> set[Setup | None]:
        """Parts announced from now on carry it; what those carry that are open."""
        with self._lock:
            self._setup = setup
            return self._ledger.setups()

    def exposed(self, trigger: Trigger) -> None:
        """Nobody waits for this to move the part on."""

    def deliver(self, decision: Decision) -> bool:
        """Settle, journal, complete. False: the deadline has settled it before; this verdict is only recorded."""
        key = decision.trigger.key
        self._health.end_if_slept()  # nobody may have noticed yet: no deadline is true
        with self._lock:
            self._expire(decision.settled_ns)
            settled = self._ledger.settle(decision)
            if settled is None:
                self._complete(key)
                return False
        if not self._journal.commit(settled) and self._journal.required:
            with self._lock:
                unrecorded = "the journal row was not on disk in time"
                settled = self._ledger.withdraw(settled, Reason.JOURNAL, unrecorded)
        with self._lock:
            self._ledger.release(settled)
            self._complete(key)
        tell_no_decision(settled)
        return True

    def progressing(self) -> bool:
        """Has the thread come round lately?"""
        return time.monotonic_ns() - self._ticked_ns < PROGRESS_LIMIT_S * 1e9

    def offline(self) -> str:
        """An operator has paused the station; nobody counts here but it."""
        return self.operator.offline()

    def trouble(self) -> str:
        """There is no PLC that could be lost."""
        return ""

    def situation(self) -> Situation:
        """STANDALONE instead of a PLC's bits."""
        ready = self._counting and self._health.alive(time.monotonic_ns())
        with self._lock:
            return self._ledger.situation(("STANDALONE", "READY") if ready else ("STANDALONE",))

    @property
    def job_of_plc(self) -> None:
        """There is no PLC."""

    def select_job(self, job: int, now_ns: int) -> None:
        """An operator's choice, the lock held; a part that was there before may be of either."""
        self._job, self._job_since_ns = job, now_ns

    def close(self, within_s: float = CLOSE_S) -> None:
        """What still waits gets NO_DECISION; then end the thread."""
        with self._lock:
            self._ready = False
            self._under_way = None
            for part in list(self._ledger.parts.values()):
                if part.decision is None:
                    self._refuse(part.trigger, Reason.OFFLINE, "the station was stopped")
                else:
                    self._complete(part.trigger.key)
        self._worker.close(within_s)

    def _begin(self, trigger: Trigger) -> bool:
        with self._lock:
            self._under_way = trigger.key
            return self._ledger.begin(trigger)

    # --- inside, with the lock held ------------------------------------------------------------------------------

    def _open(self, at_ns: int, inspected: bool) -> Trigger:
        self._seq, self._parts = next_seq(self._seq), self._parts + 1
        deadline_ns, seen_ns = at_ns + self._deadline_ns, time.monotonic_ns()
        trigger = Trigger(self._seq, self._parts, self._epoch, at_ns, at_ns, deadline_ns, seen_ns, job=self._job,
                          setup=self._setup)  # fmt: skip
        return self._ledger.open(trigger, inspected)

    def _refuse(self, trigger: Trigger, reason: Reason, detail: str) -> None:
        self._settled_here(self._ledger.refuse(trigger, reason, detail, time.monotonic_ns()))

    def _expire(self, now_ns: int) -> None:
        for decision in self._ledger.expire(now_ns):
            self._settled_here(decision)

    def _settled_here(self, decision: Decision) -> None:
        """NO_DECISION does not wait for its row. A part in the loop stays open for its late verdict."""
        self._journal.enqueue(decision)
        self._ledger.release(decision)
        tell_no_decision(decision)
        if decision.trigger.key != self._under_way:
            self._complete(decision.trigger.key)

    def _complete(self, key: tuple[int, int]) -> None:
        part = self._ledger.parts.pop(key)
        decision = part.decision
        if decision is not None:
            decision = replace(decision, evidence=decision.evidence or part.late_evidence)
            unknown = PlcAction.UNKNOWN
            self._journal.complete(Closed(decision, decision.verdict, decision.reason, None, unknown, part.late))

    # --- the link's thread ---------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Deadlines, and the end of a hung process."""
        while not self._worker.ending.wait(TICK_S):
            self._ticked_ns = now_ns = time.monotonic_ns()
            with self._lock:
                self._ledger.alarms.latch(self._raised.take())
                self._expire(now_ns)
            self._health.end_if_hung(now_ns)
