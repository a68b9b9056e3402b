"""The photo-eye fires the camera: frames arrive by themselves, and each belongs to the part announced for its time."""

from __future__ import annotations

import logging
import time
from collections import deque

from agent.camera_config import TriggerConfig
from agent.cameras import Driver
from agent.cameras.binding import Binder
from agent.cameras.inbox import Inbox
from agent.errors import NoDecision
from agent.inspection import Frame, Reason, Trigger

log = logging.getLogger(__name__)


class LineFiredCamera:
    """Owns `driver`, which runs from now on."""

    def __init__(self, driver: Driver, trigger: TriggerConfig) -> None:
        self._driver = driver
        self._binder = Binder(int(trigger.tolerance_ms * 1e6))
        self._timeout_ns = int(trigger.frame_timeout_ms * 1e6)
        self._inbox = Inbox()
        driver.start(self._inbox)

    @property
    def simulated(self) -> bool:
        return self._driver.simulated

    def grab(self, trigger: Trigger) -> Frame:
        """The frame that was exposed when the PLC saw this part, waited for no longer than it can matter."""
        first_ns, last_ns = self._binder.window_ns(trigger)
        give_up_ns = min(trigger.deadline_ns, last_ns + self._timeout_ns)

        def choose(frames: deque[Frame]) -> Frame | None:
            self._drop_older_than(first_ns, frames)
            frame = self._binder.choose(trigger, list(frames), time.monotonic_ns() < give_up_ns)
            if frame is not None:
                frames.remove(frame)
            return frame

        frame = self._inbox.wait(choose, give_up_ns)
        if frame is None:
            self._driver.check()
            raise NoDecision(Reason.FRAME_TIMEOUT, f"no frame for trigger {trigger.seq}")
        return frame

    def check(self) -> None:
        """Raise Fault when the camera is lost."""
        self._inbox.check()
        self._driver.check()

    def close(self) -> None:
        """Release the device."""
        self._driver.close()

    def _drop_older_than(self, first_ns: int, frames: deque[Frame]) -> None:
        """Frames of no trigger: a part the PLC did not announce, or one that was refused a photo."""
        while frames and frames[0].captured_ns < first_ns:
            log.warning("frame %d belongs to no trigger that is inspected: dropped", frames.popleft().frame_id)
