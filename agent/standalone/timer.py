"""A part every so many milliseconds, on a grid that does not drift."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.errors import Fault
from agent.inspection import Trigger
from agent.worker import CLOSE_S, Worker

MOST_LATE = 1000
"""A process that stood still for so many periods had better start anew: a gap row then says so."""


class Timer:
    """Tells `announce` each tick with the time at which it was due, from a thread of its own.

    A tick that comes late is still a part: it is announced, and judged or refused as any other.
    """

    def __init__(self, period_ms: float, announce: Callable[[int], Trigger | None]) -> None:
        self._period_ns, self._announce = int(period_ms * 1e6), announce
        self._worker = Worker("timer", self._tick_forever)
        self._worker.start()

    def close(self, within_s: float = CLOSE_S) -> None:
        """No more ticks."""
        self._worker.close(within_s)

    def _tick_forever(self) -> None:
        due_ns = time.monotonic_ns() + self._period_ns
        while not self._worker.ending.wait(max(0.0, (due_ns - time.monotonic_ns()) / 1e9)):
            if time.monotonic_ns() - due_ns > MOST_LATE * self._period_ns:
                raise Fault(f"the timer stood still for {MOST_LATE} periods")
            self._announce(due_ns)
            due_ns += self._period_ns
