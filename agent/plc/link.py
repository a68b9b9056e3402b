"""The PLC link: a thread that exchanges images with the PLC, and the station's two calls, `triggers` and `deliver`.

How images travel is the wire's matter. Health is the PLC's counter moving, never "connected".
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from queue import SimpleQueue

from agent.health import Health
from agent.inspection import Reason, Trigger
from agent.journal.journal import Journal
from agent.link import IDLE_S, each_in_time, late_again
from agent.operator_orders import OperatorOrders
from agent.operators_hand import OperatorsHand
from agent.part_id_latch import PartIdLatch
from agent.plc.agent_handshake import AgentHandshake
from agent.plc.arm.reject_arm import RejectArm
from agent.plc.decision import Decision, Observation, Sampled, Situation
from agent.plc.in_step import InStep
from agent.plc.link_log import LinkLog, tell_broken, tell_epoch
from agent.plc.parts_log import tell_finished, tell_no_decision
from agent.plc.register_map import Status
from agent.plc.wires.bell import Bell
from agent.plc.wires.link_end import Wire
from agent.raised import Raised
from agent.setup import Setup
from agent.worker import CLOSE_S, Worker

DRAIN_S = 1.0
PROGRESS_LIMIT_S = 2.0


class PlcLink:
    """Opens with its thread running; `wait_for_triggers` blocks until the map is read. Close it when done.

    `handshake` is this link's alone. Every settled decision is given to `journal` before it goes on the wire,
    and every finished part with what the PLC did with it. `lost_after_ms`: PLC_HB unchanged so long = PLC lost.
    `arm`: of the handshake's ledger, where coils or a confirm sensor are ours to look after. `raised`: alarms of what
    goes on beside the parts, for the PLC to see.
    """

    def __init__(self, wire: Wire, handshake: AgentHandshake, journal: Journal, health: Health, lost_after_ms: float,
                 arm: RejectArm | None = None, latch: PartIdLatch | None = None,
                 orders: OperatorOrders | None = None, raised: Raised | None = None) -> None:  # fmt: skip
        self._wire, self._handshake, self._journal, self._health = wire, handshake, journal, health
        self._lost_after_ns = lost_after_ms * 1e6
        self._raised = raised or Raised()
        self._arm = arm or RejectArm(handshake.ledger, None, None)
        self._lock = threading.Lock()
        self.in_step = InStep(handshake, self._lock, latch)
        self.operator = OperatorsHand(handshake.ledger, handshake, self._lock, orders)
        self._triggers: SimpleQueue[Trigger] = SimpleQueue()
        self._seen_map = threading.Event()
        self._ready, self._log = False, LinkLog()
        self._plc_heartbeat, self._plc_moved_ns = -1, 0
        self._ticked_ns = self._written_ns = time.monotonic_ns()
        self._longest_gap_ns = self._torn = 0
        self._loop = asyncio.new_event_loop()
        self.bell = Bell(self._loop)
        self._worker = Worker("plc-link", self._run)
        self._worker.start()

    # --- the station's side --------------------------------------------------------------------------------------

    def wait_for_triggers(self, waiting: Callable[[str], None], stop: threading.Event) -> bool:
        """Block until the PLC's map has been read; `waiting` is told why not, about once a second."""
        said_s, late = 0.0, False
        while not self._seen_map.wait(IDLE_S):
            if stop.is_set():
                return False
            if time.monotonic() - said_s >= 1.0:
                late = late_again(self.progressing(), late)
                waiting(self._log.trouble or "PLC: connecting")
                said_s = time.monotonic()
        return True

    def set_ready(self) -> None:
        """Model, camera and PLC are good: show READY, so that the PLC enables triggers."""
        self._ready = True

    def triggers(self, stop: threading.Event) -> Iterator[Trigger | None]:
        """Every part to inspect that no deadline has settled, until `stop`; None while there is none."""
        return each_in_time(self._triggers, self._begin, stop)

    def progressing(self) -> bool:
        """Has the link's thread come round lately, PLC there or not?"""
        return time.monotonic_ns() - self._ticked_ns < PROGRESS_LIMIT_S * 1e9

    def change_setup(self, setup: Setup) -> set[Setup | None]:
        """Parts announced from now on carry it; what those carry that are open."""
        with self._lock:
            self._handshake.change_setup(setup)
            return self._handshake.ledger.setups()

    def exposed(self, trigger: Trigger) -> None:
        """Tell the PLC that this part's photo is taken."""
        with self._lock:
            self._handshake.exposed(trigger)

    def offline(self) -> str:
        """Camera and PLC count differently, until CLEAR_FAULT; or an operator has paused the station."""
        with self._lock:
            lost = self._handshake.ledger.out_of_step
        return "PART_ID_ERROR: clear the belt, then CLEAR_FAULT" if lost else self.operator.offline()

    def trouble(self) -> str:
        """What is wrong with the connection, or with the PLC."""
        return self._log.trouble

    def situation(self) -> Situation:
        """What the PLC is being told, and how steadily since it was last asked."""
        with self._lock:
            told, gap_ns = self._handshake.situation(), self._longest_gap_ns
            self._longest_gap_ns = 0
        return replace(
            told, write_gap_ms=gap_ns / 1e6, torn_reads=self._torn, unsolicited_frames=self.in_step.unsolicited
        )

    def deliver(self, decision: Decision) -> bool:
        """Settle, journal, send. False: the part had been settled by its deadline; this verdict is only recorded."""
        with self._lock:
            settled = self._handshake.ledger.settle(decision)
        if settled is None:
            return False
        if not self._journal.commit(settled) and self._journal.required:
            with self._lock:
                unrecorded = "the journal row was not on disk in time"
                settled = self._handshake.ledger.withdraw(settled, Reason.JOURNAL, unrecorded)
        self._release(settled)
        self.bell.ring()
        tell_no_decision(settled)
        return True

    def _release(self, settled: Decision) -> None:
        with self._lock:
            self._handshake.release(settled)
            self._arm.decided(settled, time.monotonic_ns())

    def close(self, within_s: float = DRAIN_S + CLOSE_S) -> None:
        """Let the PLC decide the parts already settled, show it OFFLINE, then end the thread."""
        end_s = time.monotonic() + within_s
        drained_s, settled = min(time.monotonic() + DRAIN_S, end_s), self._undecided()
        while self._worker.alive and settled & self._undecided() and time.monotonic() < drained_s:
            time.sleep(0.01)
        self._ready = False
        self._worker.ending.set()
        self.bell.ring()
        self._worker.close(end_s - time.monotonic())

    def _begin(self, trigger: Trigger) -> bool:
        with self._lock:
            return self._handshake.ledger.begin(trigger)

    def _undecided(self) -> set[tuple[int, int]]:
        with self._lock:
            return self._handshake.ledger.undecided()

    # --- the wire's side, in the link's thread -------------------------------------------------------------------

    def _run(self) -> None:
        with closing(self._loop):
            self._loop.set_exception_handler(tell_broken)
            self._loop.run_until_complete(self._wire.exchange_forever(self))

    @property
    def stopping(self) -> bool:
        """The wire shall write the last image and return."""
        return self._worker.ending.is_set()

    def image(self) -> list[int]:
        """What the PLC should have now."""
        now_ns = time.monotonic_ns()
        with self._lock:
            return self._handshake.block(self._status(now_ns), self._health.alive(now_ns))

    def acknowledged(self, image: list[int], now_ns: int) -> None:
        """The PLC has this image."""
        with self._lock:
            self._handshake.acknowledged(image, now_ns)
            self._longest_gap_ns = max(self._longest_gap_ns, now_ns - self._written_ns)
            self._written_ns = now_ns

    def coils(self) -> tuple[dict[int, bool], float]:
        """How the coils of the reject arm must stand now, and when they may have to change."""
        now_ns = time.monotonic_ns()
        with self._lock:
            ready = bool(self._status(now_ns) & Status.READY) and self._health.alive(now_ns)
            return self._arm.at_rest() if self.stopping else self._arm.coils(now_ns, ready)

    def coil_written(self, coil: int, on: bool, now_ns: int) -> None:
        """The PLC has confirmed the state of a coil."""
        with self._lock:
            self._arm.written(coil, on, now_ns)

    def digest(self, image: list[int], sent_ns: int, received_ns: int) -> None:
        """The PLC's image, sampled between the two times."""
        with self._lock:
            seen = self._handshake.observe(image, sent_ns, received_ns)
            seen = self._arm.observe(image, Sampled(sent_ns, received_ns), seen)
        self.in_step.heard(seen, sent_ns, received_ns)
        self._note(seen, image, received_ns)
        self.tick()

    def _note(self, seen: Observation, words: list[int], now_ns: int) -> None:
        if seen.torn:  # now and then that is life: the next read has it
            self._torn += 1
            if not self._plc_alive(now_ns):
                self.report(self._handshake.explain_torn(words))
            return
        if seen.heartbeat != self._plc_heartbeat:
            self._plc_heartbeat, self._plc_moved_ns = seen.heartbeat, now_ns
        for decision in seen.settled:
            self._settled_here(decision)
        if seen.born:
            self._journal.begin_epoch(*seen.born)
            tell_epoch(*seen.born)
        for trigger in seen.triggers:
            self._triggers.put(trigger)
        self.report("" if self._plc_alive(now_ns) else "PLC heartbeat stands still: is its program running?")
        self._seen_map.set()

    def tick(self) -> None:
        """What must happen whether or not the PLC answers: deadlines, finished parts, the end of a hung process."""
        self._ticked_ns = now_ns = time.monotonic_ns()
        with self._lock:
            self._handshake.ledger.alarms.latch(self._raised.take())
            self._arm.tick(now_ns)
            expired, closed = self._handshake.ledger.expire(now_ns), self._handshake.ledger.close(now_ns)
        for decision in expired:
            self._settled_here(decision)
        for part in closed:
            tell_finished(part)
            self._journal.complete(part)
        self._health.end_if_hung(now_ns)

    def _settled_here(self, decision: Decision) -> None:
        """NO_DECISION is safe at once: it does not wait for its row."""
        self._journal.enqueue(decision)
        self._release(decision)
        tell_no_decision(decision)

    def _status(self, now_ns: int) -> Status:
        if self.stopping:
            return Status(0)
        ready = self._ready and self._plc_alive(now_ns)
        return Status.ONLINE | Status.READY if ready else Status.ONLINE

    def _plc_alive(self, now_ns: int) -> bool:
        return now_ns - self._plc_moved_ns <= self._lost_after_ns

    def report(self, trouble: str) -> None:
        """What is wrong with the link; "" = nothing."""
        self._log.report(trouble, waited_for=not self._seen_map.is_set())
