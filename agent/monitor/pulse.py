"""The station's pulse: once a second it is asked how link and all beside it get on, and what has changed is told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from agent.event import Event
from agent.identity import Identity
from agent.journal.journal import Journal
from agent.journal.watch import Watch
from agent.log.about import about
from agent.log.happening import Happening
from agent.messages import StatusMessage, Upkeep
from agent.plc.decision import Situation
from agent.raised import Raised

log = logging.getLogger(__name__)

PROGRESS_LIMIT_S = 10.0


class Part(Protocol):
    """Something beside the parts that the pulse tells of."""

    def upkeep(self) -> dict[str, Any]:
        """Fields of Upkeep, in any thread, at once."""
        ...


class Pulse:
    """Keeps the newest for the figures. Until `begin` it is that of a station that is starting."""

    def __init__(self, identity: Identity, journal: Journal, raised: Raised) -> None:
        self._identity, self._record, self._watch = identity, journal.record, Watch(journal, raised)
        self._ask: Callable[[], Situation] = Situation
        self._parts: Sequence[Part] = ()
        self.situation, self.upkeep = Situation(), Upkeep()
        self.taken_s = time.monotonic()

    def begin(self, ask: Callable[[], Situation], parts: Sequence[Part]) -> None:
        """The link is open: `ask` says what it tells the PLC."""
        self._ask, self._parts = ask, parts

    def progressing(self) -> bool:
        """Has it been taken lately? Without it nobody hears of an alarm."""
        return time.monotonic() - self.taken_s < PROGRESS_LIMIT_S

    def beat(self) -> StatusMessage:
        """In the publisher's thread, which fills in how far the record goes: each alarm that comes or goes is told."""
        self._watch.look()
        before, self.situation, self.taken_s = self.situation, self._ask(), time.monotonic()
        self._tell(before.alarms, self.situation.alarms)
        told = [part.upkeep() for part in (self._watch, *self._parts)]
        self.upkeep = Upkeep(**{name: value for fields in told for name, value in fields.items()})
        return self._message(self.situation)

    def _tell(self, before: Sequence[str], now: Sequence[str]) -> None:
        for name in (*before, *now):
            if name not in now:
                log.info("alarm %s cleared", name, extra=about(Happening.ALARM_CLEARED, ALARM=name))
                self._record(Event("alarm", name, "cleared"))
            elif name not in before:
                log.warning("alarm %s raised", name, extra=about(Happening.ALARM_RAISED, ALARM=name))
                self._record(Event("alarm", name, "raised"))

    def _message(self, situation: Situation) -> StatusMessage:
        return StatusMessage(
            line=self._identity.line,
            station=self._identity.station,
            agent_epoch=self._identity.agent_epoch,
            last_message_id=0,
            utc="",
            plc_status=list(situation.status),
            alarms=list(situation.alarms),
            plc_write_gap_ms=round(situation.write_gap_ms, 3),
            plc_torn_reads=situation.torn_reads,
            inspected=situation.inspected,
            no_decisions=dict(situation.no_decisions),
            unsolicited_frames=situation.unsolicited_frames,
            upkeep=self.upkeep,
        )
