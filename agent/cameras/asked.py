"""The station asks for each photo: the part stands still under the lens meanwhile."""

from __future__ import annotations

import logging
import time
from collections import deque

from agent.camera_config import TriggerConfig
from agent.cameras import Driver
from agent.cameras.answers import Answers
from agent.cameras.driven import DrivenCamera
from agent.cameras.inbox import Inbox
from agent.errors import NoDecision
from agent.inspection import Frame, Reason, Trigger

log = logging.getLogger(__name__)


class AskedCamera(DrivenCamera):
    """Owns `driver`, which runs from now on.

    `numbered`: each asking makes it number one frame on, as a software trigger does.
    """

    def __init__(self, driver: Driver, trigger: TriggerConfig, numbered: bool = False) -> None:
        super().__init__(driver, Inbox())
        self._window_ms = trigger.capture_window_ms
        self._timeout_ns = int(trigger.frame_timeout_ms * 1e6)
        self._answers = Answers(numbered)
        self._start()

    def grab(self, trigger: Trigger) -> Frame:
        """The frame that answers this asking, and none that was asked for an earlier part.

        A trigger that has waited behind a slow part beyond the capture window gets none: by now another part
        lies under the lens.
        """
        waited_ms = (time.monotonic_ns() - trigger.latest_ns) / 1e6
        if waited_ms > self._window_ms:
            raise NoDecision(Reason.CAPTURE_WINDOW, f"announced {waited_ms:.0f} ms ago: too late for a photo")
        asked_ns = time.monotonic_ns()
        self._answers.asked(asked_ns)
        self._driver.fire()

        def choose(frames: deque[Frame]) -> Frame | None:
            while frames:
                frame = frames.popleft()
                if self._answers.this(frame):
                    return frame
                log.warning("frame %d was not asked for this part: dropped", frame.frame_id)
            return None

        frame = self._inbox.wait(choose, min(trigger.deadline_ns, asked_ns + self._timeout_ns))
        if frame is None:
            self._driver.check()
            raise NoDecision(Reason.FRAME_TIMEOUT, f"no frame within its time for trigger {trigger.seq}")
        return frame
