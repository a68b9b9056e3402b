"""Where a driver's thread leaves its frames, and the station waits for one of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from agent.errors import Fault
from agent.inspection import Frame

BUFFERS = 32
Found = TypeVar("Found")


class Inbox:
    """Bounded: a frame that nobody fetched in time makes room for a newer one.

    `arrived` is told of each frame in the driver's thread, fetched or not.
    """

    def __init__(self, arrived: Callable[[Frame], None] = lambda frame: None, buffers: int = BUFFERS) -> None:
        self._tell = arrived
        self.frames: deque[Frame] = deque(maxlen=buffers)
        """Oldest first; to be touched only inside `wait`."""
        self._arrived = threading.Condition()
        self._broken: Fault | None = None

    def put(self, frame: Frame) -> None:
        """The driver has a frame."""
        with self._arrived:
            self._tell(frame)
            self.frames.append(frame)
            self._arrived.notify_all()

    def broken(self, fault: Fault) -> None:
        """The driver can deliver no more: whoever waits, or asks later, is told."""
        with self._arrived:
            self._broken = self._broken or fault
            self._arrived.notify_all()

    def check(self) -> None:
        """Raise the Fault that the driver has met, if any."""
        if self._broken is not None:
            raise self._broken

    def wait(self, find: Callable[[deque[Frame]], Found | None], until_ns: int) -> Found | None:
        """What `find` makes of the frames, tried again whenever one arrives; None: nothing until `until_ns`.

        `find` may take frames out. Raises the driver's Fault if it has broken.
        """
        with self._arrived:
            while True:
                found = find(self.frames)
                if found is not None:
                    return found
                self.check()
                left_ns = until_ns - time.monotonic_ns()
                if left_ns <= 0:
                    return None
                self._arrived.wait(left_ns / 1e9)
