"""Camera and PLC in step: what the one must hear of the other, and what happens when they count differently.

They never re-align by themselves: PART_ID_ERROR stands, over restarts too, and every part gets NO_DECISION until
somebody has cleared the belt and given CLEAR_FAULT.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Protocol

from agent.inspection import Reason, Trigger
from agent.log.about import about
from agent.log.happening import Happening
from agent.part_id_latch import PartIdLatch
from agent.plc.agent_handshake import AgentHandshake
from agent.plc.decision import Observation
from agent.plc.register_map import Alarm, Ctrl

log = logging.getLogger(__name__)

NEVER_NS = 1 << 62
ANNOUNCED_NS = 500_000_000
"""A part is announced within this after its edge, or refused as too old for a photo."""
_UNDATED = {Reason.CAPTURE_WINDOW, Reason.RING_OVERRUN}
"""When these parts passed the photo-eye is not known for sure: which frames are theirs neither."""


class LineFired(Protocol):
    """A camera that the photo-eye fires (agent/cameras/line_fired.py)."""

    on_out_of_step: Callable[[str], None]

    def begin_anew(self) -> None: ...
    def announced(self, trigger: Trigger) -> None: ...
    def unsolicited(self, since_ns: int, until_ns: int) -> int: ...


class InStep:
    """Part of the link, whose lock guards the handshake. Without a `latch` the error ends with the process."""

    def __init__(self, handshake: AgentHandshake, lock: Lock, latch: PartIdLatch | None) -> None:
        self._handshake, self._lock, self._latch = handshake, lock, latch
        self._lost = latch is not None and latch.set
        self._camera: LineFired | None = None
        self._since_ns, self._ended_ns = NEVER_NS, NEVER_NS
        """Since when the PLC has announced every part without a break, and until when it surely did."""
        self._enabled_ns = 0
        """After this there was a scan with TRIGGER_ENABLE."""
        self._heartbeat, self._asked_ns = -1, 0
        self.unsolicited = 0
        """Frames that belong to no part, since the start."""
        if latch is not None and latch.set:
            log.critical("PART_ID_ERROR since before this start: %s: clear the belt, then CLEAR_FAULT", latch.why,
                         extra=about(Happening.OUT_OF_STEP))  # fmt: skip
            handshake.ledger.lose_step()

    def follow(self, camera: LineFired) -> None:
        """Tell this camera of every part, and be told when it is out of step."""
        self._camera = camera
        camera.on_out_of_step = self.lose

    def lose(self, why: str) -> None:
        """They count differently (the station's thread). On disk first: a crash shall not make it good."""
        if self._lost:
            return
        log.critical("PART_ID_ERROR, offline: %s: clear the belt, then CLEAR_FAULT", why,
                     extra=about(Happening.OUT_OF_STEP))  # fmt: skip
        try:
            if self._latch is not None:
                self._latch.latch(why)
        except OSError as error:
            log.critical("PART_ID_ERROR will not outlive this process: %s", error)
        with self._lock:
            self._handshake.ledger.lose_step()
            self._lost = True

    def heard(self, seen: Observation, sent_ns: int, received_ns: int) -> None:
        """One read of the PLC (the link's thread): its parts, and whether CLEAR_FAULT has ended the error."""
        if seen.torn:
            return
        self._begin_anew_if_cleared()
        if self._camera is None or not self._handshake.announces_every_part:
            return
        refused = [decision for decision in seen.settled if decision.reason is not Reason.EPOCH_CHANGED]
        for trigger in sorted((*seen.triggers, *(decision.trigger for decision in refused)), key=_edge_ns):
            self._camera.announced(trigger)
        self._judge_frames(seen, any(decision.reason in _UNDATED for decision in refused), received_ns)
        self._asked_ns = sent_ns

    def _begin_anew_if_cleared(self) -> None:
        if not self._lost or self._handshake.ledger.out_of_step:
            return
        log.warning(
            "CLEAR_FAULT: the next part sets the count of camera and PLC anew", extra=about(Happening.STEP_CLEARED)
        )
        if self._camera is not None:
            self._camera.begin_anew()
        if self._latch is not None:
            self._latch.clear()
        self._lost = False

    def _judge_frames(self, seen: Observation, undated: bool, received_ns: int) -> None:
        """What was exposed long before the newest scan of the PLC, and claimed by no part, nobody asked for."""
        if seen.born or undated:
            self._since_ns, self._ended_ns = NEVER_NS, NEVER_NS
        if seen.heartbeat == self._heartbeat or self._camera is None:
            return  # a program that stands still announces nothing
        self._heartbeat = seen.heartbeat
        self._note_enable(bool(seen.ctrl & Ctrl.TRIGGER_ENABLE), received_ns)
        until_ns = self._asked_ns - ANNOUNCED_NS
        found = self._camera.unsolicited(self._since_ns, min(until_ns, self._ended_ns))
        if until_ns > self._ended_ns:  # what is left of that time has been judged
            self._since_ns, self._ended_ns = NEVER_NS, NEVER_NS
        if found:
            self.unsolicited += found
            log.warning("%d frames belong to no part: does something else than the photo-eye fire the camera?", found)
            with self._lock:
                self._handshake.ledger.alarms.latch(Alarm.UNSOLICITED_FRAME)

    def _note_enable(self, enabled: bool, now_ns: int) -> None:
        """Begins late and ends early: what was exposed between two reads may be of a time without TRIGGER_ENABLE."""
        if not enabled:
            if self._since_ns != NEVER_NS:
                self._ended_ns = min(self._ended_ns, self._enabled_ns)
            return
        if self._since_ns == NEVER_NS or self._ended_ns != NEVER_NS:
            self._since_ns, self._ended_ns = now_ns, NEVER_NS
        self._enabled_ns = self._asked_ns


def _edge_ns(trigger: Trigger) -> int:
    return trigger.earliest_ns
