"""Notices that the disk takes no rows, or too slowly, and that it does again: told once each, as an event."""

from __future__ import annotations

import logging
import time
from typing import Any

from agent.event import Event
from agent.journal.journal import LATE_S, Journal
from agent.log.about import about
from agent.log.happening import Happening
from agent.plc.register_map import Alarm
from agent.raised import Raised

log = logging.getLogger(__name__)

KEPT_LIMIT_S = 120.0
"""A round may wait for a slow disk, but not so long."""


class Watch:
    """Looks when it is told to, by a thread that never touches the disk."""

    def __init__(self, journal: Journal, raised: Raised) -> None:
        self._journal, self._raised = journal, raised
        self._damage_told = ""
        self.trouble = ""
        """Why rows wait; "" = none does for long."""
        self.unkept = ""
        """Since when housekeeping hangs; "" = it comes round."""

    def look(self) -> None:
        """The alarm stands while rows wait too long; once more when the file is found, or was found, damaged."""
        self._tell_damage()
        self._tell_unkept()
        late_s = self._journal.late_s()
        if late_s > LATE_S:
            self._tell_late(late_s)
        elif self.trouble and not self._journal.rows_waiting:
            log.warning("journal: the disk takes rows again, none waits", extra=about(Happening.RECORD_GOOD))
            self._journal.record(Event("journal", "WRITTEN", "the disk takes rows again: none waits any more"))
            self.trouble = ""

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        trouble = self.trouble or self._journal.damage or self._journal.long_log or self.unkept
        return {"rows_waiting": self._journal.rows_waiting, "journal_trouble": trouble}

    def _tell_late(self, late_s: float) -> None:
        why = self._journal.complaint or "the disk is slow"
        lost = self._journal.unrecorded
        first = not self.trouble
        self.trouble = f"{why}: {self._journal.rows_waiting} entries wait, the oldest for {late_s:.0f} s" + (
            f"; {lost} parts will have no row of their own" if lost else ""
        )
        if first:
            trouble = about(Happening.RECORD_TROUBLE)
            log.error("journal: %s: rows wait in memory; free or mend the disk", why, extra=trouble)
            self._journal.record(Event("journal", "WAITING", f"{why}: rows wait in memory"))
        self._raised.add(Alarm.JOURNAL)

    def _tell_unkept(self) -> None:
        """Rows are written on, into a log that grows."""
        if self._journal.damage or time.monotonic() - self._journal.kept_s < KEPT_LIMIT_S:
            self.unkept = ""
            return
        if not self.unkept:
            self.unkept = f"housekeeping has hung for over {KEPT_LIMIT_S:.0f} s: its log grows until the disk is full"
            log.error("journal: %s; mend the disk and restart the station", self.unkept,
                      extra=about(Happening.RECORD_TROUBLE))  # fmt: skip
            self._journal.record(Event("journal", "UNKEPT", self.unkept))
        self._raised.add(Alarm.JOURNAL)

    def _tell_damage(self) -> None:
        damage = self._journal.damage or self._journal.found_damaged
        if damage != self._damage_told:
            self._raised.add(Alarm.JOURNAL)
            self._damage_told = damage
