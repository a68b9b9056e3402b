"""The photo-eye fires the camera: frames arrive by themselves, and each belongs to the part announced for its time."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

from agent.camera_config import TriggerConfig
from agent.cameras import Driver
from agent.cameras.binding import Binder
from agent.cameras.claims import Claims
from agent.cameras.driven import DrivenCamera
from agent.cameras.inbox import Inbox
from agent.errors import NoDecision, OutOfStep
from agent.inspection import Frame, Reason, Trigger

log = logging.getLogger(__name__)

REACH = 0.25
"""Share of the pitch by which a frame may be off its part's time and still be thought that part's own."""


class LineFiredCamera(DrivenCamera):
    """Owns `driver`, which runs from now on."""

    def __init__(self, driver: Driver, trigger: TriggerConfig) -> None:
        self._binder = Binder(int(trigger.tolerance_ms * 1e6), int(trigger.min_pitch_ms * 1e6))
        self._timeout_ns = int(trigger.frame_timeout_ms * 1e6)
        self._claims = Claims(int(REACH * trigger.min_pitch_ms * 1e6))
        super().__init__(driver, Inbox(lambda frame: self._claims.arrived(frame.frame_id, frame.captured_ns)))
        self._anew = False
        self._passed: Frame | None = None
        """The newest frame that was exposed before any part still to come."""
        self.on_out_of_step: Callable[[str], None] = lambda why: None
        """Told why, before the part is: camera and PLC count differently."""
        self._start()

    def grab(self, trigger: Trigger) -> Frame:
        """The frame that was exposed when the PLC saw this part, waited for no longer than it can matter."""
        if self._anew:
            self._anew = False
            self._binder.begin_anew()
        first_ns, last_ns = self._binder.window_ns(trigger)
        give_up_ns = min(trigger.deadline_ns, last_ns + self._timeout_ns)

        def choose(frames: deque[Frame]) -> Frame | None:
            self._drop_older_than(first_ns, frames)
            frame = self._binder.choose(trigger, list(frames), time.monotonic_ns() < give_up_ns)
            if frame is not None:
                frames.remove(frame)
            return frame

        try:
            frame = self._inbox.wait(choose, give_up_ns)
        except OutOfStep as lost:
            self.on_out_of_step(str(lost))
            raise
        if frame is None:
            self._driver.check()
            raise NoDecision(Reason.FRAME_TIMEOUT, f"no frame for trigger {trigger.seq}{self._nearest(first_ns)}")
        return frame

    def begin_anew(self) -> None:
        """Somebody has cleared the belt (any thread): the next part sets the count."""
        self._anew = True

    def announced(self, trigger: Trigger) -> None:
        """The PLC has announced a part, whether or not it is to be inspected (the link's thread)."""
        self._claims.announced(trigger.earliest_ns, trigger.latest_ns)

    def unsolicited(self, since_ns: int, until_ns: int) -> int:
        """How many more frames belong to no part, now that all parts of this time are announced (the link's thread)."""
        return self._claims.judge(since_ns, until_ns)

    def _drop_older_than(self, first_ns: int, frames: deque[Frame]) -> None:
        """Frames of no part that is still to come, in whatever order they were delivered."""
        for frame in [frame for frame in frames if frame.captured_ns < first_ns]:
            frames.remove(frame)
            self._passed = frame
            log.warning("frame %d belongs to no trigger that is inspected: dropped", frame.frame_id)

    def _nearest(self, first_ns: int) -> str:
        """What helps whoever has to set tolerance_ms, or to mend the camera's clock."""
        if self._passed is None:
            return ""
        early_ms = (first_ns - self._passed.captured_ns) / 1e6
        return f"; the last one, frame {self._passed.frame_id}, is {early_ms:.1f} ms too early"
