"""A thread of the station, from its start until it is told to end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

CLOSE_S = 2.0
left_behind: set[str] = set()
"""Threads that were told to end, and have not done so in time."""


class Worker:
    """Made before its thread runs, so that `work` finds all it needs; it returns soon after `ending` is set."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.ending = threading.Event()
        self._thread = threading.Thread(target=work, name=name, daemon=True)

    def start(self) -> None:
        """Once."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Started, and not yet at its end."""
        return self._thread.is_alive()

    def close(self, within_s: float) -> bool:
        """Tell it to end and wait so long. False: it has not, is left to the end of the process, and a line says so."""
        self.ending.set()
        if self.alive:
            self._thread.join(max(0.0, within_s))
        if self.alive:
            left_behind.add(self._thread.name)
            log.error("thread '%s' has not ended within %.1f s: it is left behind", self._thread.name, within_s)
        return not self.alive
