"""Wakes the link's event loop from other threads: one bell, rung for every new verdict."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress


class Bell:
    """Waited for in `loop`, rung from anywhere."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: asyncio.Future[None] = loop.create_future()
        self._rung = False

    def ring(self) -> None:
        """Wake whoever waits; a ring while nobody waits is kept. Safe from any thread."""
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._wake, True)

    async def rung_before(self, deadline_s: float) -> bool:
        """True when it rings before `deadline_s` (CLOCK_MONOTONIC, s), False at that time.

        A bare future and a timer: asyncio.wait_for would cost a task and three turns of the loop per verdict.
        """
        if not self._rung:
            self._waiting = self._loop.create_future()
            timer = self._loop.call_later(deadline_s - time.monotonic(), self._wake, False)
            await self._waiting
            timer.cancel()
        rung, self._rung = self._rung, False
        return rung

    def _wake(self, rung: bool) -> None:
        self._rung |= rung
        if not self._waiting.done():
            self._waiting.set_result(None)
