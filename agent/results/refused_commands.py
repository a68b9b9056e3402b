"""Refused commands are written down too, but whoever sends them without end fills neither journal nor log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from agent.event import Event

FOLD_S = 60.0
MOST = 10
"""So many different ones are written down as they come, in FOLD_S; the rest, and repeats, as how many there were."""


class RefusedCommands:
    """`write_down`: an event as it stands. The rest is told with the next one after FOLD_S, or in the end."""

    def __init__(self, write_down: Callable[[Event], None]) -> None:
        self._write_down = write_down
        self._begun_s = 0.0
        self._told = set[Event]()
        self._more, self._last = 0, Event("command", "")

    def add(self, refused: Event) -> None:
        """One that has just been refused."""
        if time.monotonic() - self._begun_s >= FOLD_S:
            self.tell_rest()
            self._begun_s = time.monotonic()
            self._told.clear()
        if refused not in self._told and len(self._told) < MOST:
            self._told.add(refused)
            self._write_down(refused)
        else:
            self._more += 1
            self._last = refused

    def tell_rest(self) -> None:
        """How many have not been written down, and the last of them."""
        if self._more:
            detail = f"{self._more} more were refused, the last: {self._last.detail}"
            self._write_down(replace(self._last, detail=detail))
        self._more = 0
