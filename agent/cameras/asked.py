"""The station asks for each photo: the part stands still under the lens meanwhile."""

from __future__ import annotations

import time
from collections import deque

from agent.camera_config import TriggerConfig
from agent.cameras import Driver
from agent.cameras.inbox import Inbox
from agent.errors import NoDecision
from agent.inspection import Frame, Reason, Trigger


class AskedCamera:
    """Owns `driver`, which runs from now on."""

    def __init__(self, driver: Driver, trigger: TriggerConfig) -> None:
        self._driver = driver
        self._window_ms = trigger.capture_window_ms
        self._timeout_ns = int(trigger.frame_timeout_ms * 1e6)
        self._inbox = Inbox()
        driver.start(self._inbox)

    @property
    def simulated(self) -> bool:
        return self._driver.simulated

    def grab(self, trigger: Trigger) -> Frame:
        """The first frame exposed after the asking.

        A trigger that has waited behind a slow part beyond the capture window gets none: by now another part
        lies under the lens.
        """
        waited_ms = (time.monotonic_ns() - trigger.latest_ns) / 1e6
        if waited_ms > self._window_ms:
            raise NoDecision(Reason.CAPTURE_WINDOW, f"announced {waited_ms:.0f} ms ago: too late for a photo")
        asked_ns = time.monotonic_ns()
        self._driver.fire()

        def choose(frames: deque[Frame]) -> Frame | None:
            """Whatever was exposed before the asking shows another part."""
            while frames and frames[0].captured_ns < asked_ns:
                frames.popleft()
            return frames.popleft() if frames else None

        frame = self._inbox.wait(choose, min(trigger.deadline_ns, asked_ns + self._timeout_ns))
        if frame is None:
            self._driver.check()
            raise NoDecision(Reason.FRAME_TIMEOUT, f"no frame within its time for trigger {trigger.seq}")
        return frame

    def check(self) -> None:
        """Raise Fault when the camera is lost."""
        self._inbox.check()
        self._driver.check()

    def close(self) -> None:
        """Release the device."""
        self._driver.close()
