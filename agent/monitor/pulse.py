"""The newest pulse of the station: for the figures, and to see which alarm has come and which has gone."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.event import Event
from agent.messages import Upkeep
from agent.plc.decision import Situation


class Pulse:
    """Between the publisher, which asks once a second, and those who know. `record` writes an event down."""

    def __init__(self, record: Callable[[Event], None]) -> None:
        self._record = record
        self.situation, self.upkeep = Situation(), Upkeep()
        self.taken_s = time.monotonic()

    def situation_of(self, ask: Callable[[], Situation]) -> Callable[[], Situation]:
        """`ask`; each alarm that has appeared in its answer, or gone from it, becomes an event."""

        def taken() -> Situation:
            before, self.situation, self.taken_s = self.situation, ask(), time.monotonic()
            for name in (*before.alarms, *self.situation.alarms):
                if name not in self.situation.alarms:
                    self._record(Event("alarm", name, "cleared"))
                elif name not in before.alarms:
                    self._record(Event("alarm", name, "raised"))
            return self.situation

        return taken

    def upkeep_of(self, ask: Callable[[], Upkeep]) -> Callable[[], Upkeep]:
        """`ask`; its answer is kept."""

        def taken() -> Upkeep:
            self.upkeep = ask()
            return self.upkeep

        return taken
