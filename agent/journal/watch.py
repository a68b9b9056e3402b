"""Notices that the disk takes no rows, or too slowly, and that it does again: told once each, as an event."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from agent.event import Event
from agent.journal.journal import LATE_S, Journal

log = logging.getLogger(__name__)

ROUND_S = 0.25


class Watch:
    """Its thread runs from the start, and never touches the disk; close it before the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._warn: Callable[[], None] | None = None
        self._damage_told = ""
        self.trouble = ""
        """Why rows wait; "" = none does for long."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="journal-watch", daemon=True)
        self._thread.start()

    def warn_by(self, warn: Callable[[], None]) -> None:
        """Call `warn` while rows wait too long, and once when the file is or was damaged."""
        self._warn = warn

    def close(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(ROUND_S):
            self._tell_damage()
            late_s = self._journal.late_s()
            if late_s > LATE_S:
                self._tell_late(late_s)
            elif self.trouble and not self._journal.rows_waiting:
                log.warning("journal: the disk takes rows again, none waits")
                self._journal.record(Event("journal", "WRITTEN", "the disk takes rows again: none waits any more"))
                self.trouble = ""

    def _tell_late(self, late_s: float) -> None:
        why = self._journal.complaint or "the disk is slow"
        lost = self._journal.unrecorded
        first = not self.trouble
        self.trouble = f"{why}: {self._journal.rows_waiting} entries wait, the oldest for {late_s:.0f} s" + (
            f"; {lost} parts will have no row of their own" if lost else ""
        )
        if first:
            log.error("journal: %s: rows wait in memory; free or mend the disk", why)
            self._journal.record(Event("journal", "WAITING", f"{why}: rows wait in memory"))
        if self._warn:
            self._warn()

    def _tell_damage(self) -> None:
        damage = self._journal.damage or self._journal.found_damaged
        if self._warn and damage != self._damage_told:
            self._warn()
            self._damage_told = damage
