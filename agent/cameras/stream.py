"""Frames come by themselves, and which of them shows a part is found here: the frame comes first, then its trigger."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from agent.cameras import Driver
from agent.cameras.driven import DrivenCamera
from agent.cameras.inbox import Inbox
from agent.cameras.part import Part
from agent.errors import Fault, NoDecision
from agent.inspection import Frame, Reason, Trigger

MOST_SHOWN = 64
"""Frames of parts that wait to be inspected: more than the link lets wait."""
POLL_NS = 100_000_000


class Finder(Protocol):
    """What in a stream is a part."""

    def see(self, frame: Frame) -> Sequence[Part]:
        """Every frame in turn → the parts that are known by it now. Raises Fault when parts may have been lost."""
        ...

    def blind(self) -> str:
        """Why it cannot find parts yet; "" when it can."""
        ...


class Announcer(Protocol):
    """Who makes triggers of parts."""

    def announce(self, at_ns: int) -> Trigger | None:
        """A part was there at `at_ns`; None: nobody will ask for its frame."""
        ...

    def missed(self, at_ns: int, reason: Reason, detail: str) -> None:
        """A part was there at `at_ns`, but there is no frame of it."""
        ...


class StreamCamera(DrivenCamera):
    """Owns `driver`, which runs from now on; `finder` sees every frame, in a thread of this camera's own."""

    def __init__(self, driver: Driver, finder: Finder) -> None:
        super().__init__(driver, Inbox())
        self._finder = finder
        self._announcer: Announcer | None = None
        self._shown: deque[tuple[tuple[int, int], Frame]] = deque(maxlen=MOST_SHOWN)
        """(trigger key, frame) in the order of the triggers."""
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._find_forever, name="stream", daemon=True)
        self._start()
        self._thread.start()

    def announce_to(self, announcer: Announcer) -> None:
        """Tell `announcer` of every part from now on."""
        self._announcer = announcer

    def blind(self) -> str:
        """Why parts cannot be found yet; "" when they can. Raises Fault when the camera is lost."""
        self.check()
        return self._finder.blind()

    def grab(self, trigger: Trigger) -> Frame:
        """The very frame that made the trigger; frames of parts before it that nobody asked for are let go."""
        with self._lock:
            while self._shown:
                key, frame = self._shown.popleft()
                if key == trigger.key:
                    return frame
        raise NoDecision(Reason.FRAME_MISMATCH, f"no frame made trigger {trigger.seq}")

    def close(self) -> None:
        """Release the device."""
        self._stopping.set()
        self._thread.join(timeout=1.0)
        super().close()

    def _find_forever(self) -> None:
        try:
            while not self._stopping.is_set():
                frame = self._inbox.wait(lambda frames: frames.popleft() if frames else None,
                                         time.monotonic_ns() + POLL_NS)  # fmt: skip
                for part in self._finder.see(frame) if frame else ():
                    self._announce(part)
        except Fault as fault:  # the station asks `check`, and ends
            self._inbox.broken(fault)

    def _announce(self, part: Part) -> None:
        if self._announcer is None:
            return
        if part.frame is None:
            self._announcer.missed(part.at_ns, part.reason, part.detail)
            return
        with self._lock:  # the loop may ask before we know what to answer
            trigger = self._announcer.announce(part.at_ns)
            if trigger is not None:
                self._shown.append((trigger.key, part.frame))
