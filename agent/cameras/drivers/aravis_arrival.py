"""When a frame's first packet came. Aravis stamps it by the wall clock, which may be set meanwhile."""

from __future__ import annotations

import time
from collections import deque

from agent.cameras.drivers.aravis_buffers import BUFFERS


class Arrivals:
    """On the monotonic clock."""

    def __init__(self) -> None:
        self._ahead_ns = deque([_ahead_ns()], maxlen=BUFFERS + 1)
        """As it was when the last frames were fetched: none is on its way for longer."""

    def begun_ns(self, wall_ns: int, received_ns: int) -> int:
        """When it was `wall_ns`, for a frame that is fetched at `received_ns` (monotonic), in order.

        Where the wall clock was set meanwhile it is too late, up to `received_ns`, but never too early.
        """
        self._ahead_ns.append(_ahead_ns())
        return min(received_ns, wall_ns - min(self._ahead_ns))


def _ahead_ns() -> int:
    """Wall clock − monotonic clock: nothing but setting changes it. Read in this order an interruption lessens it."""
    return time.time_ns() - time.monotonic_ns()
