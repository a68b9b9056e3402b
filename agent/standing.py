"""How the station stands, for people: what it waits for, that it inspects, or why it does not. To systemd and log."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.config import StationConfig
from agent.repeated import Repeated
from agent.service import notify

log = logging.getLogger(__name__)


class Waiting:
    """Until camera and PLC are there."""

    def __init__(self) -> None:
        self._repeated = Repeated()

    def say(self, what: str) -> None:
        """Call about once a second: systemd waits on, and the log is not filled with it."""
        if self._repeated.due(what):
            log.info("waiting: %s", what)
        notify(f"STATUS=waiting: {what}\nEXTEND_TIMEOUT_USEC=5000000")


class Standing:
    """From then on. `offline`: why no part can be inspected, "" = parts are inspected."""

    def __init__(self, station: StationConfig, offline: Callable[[], str]) -> None:
        self._station, self._offline = station, offline
        self._told: str | None = None

    def say(self) -> None:
        """Call as often as you like: each change is told once."""
        why = self._offline()
        if why == self._told:
            return
        self._told = why
        if why:
            log.warning("offline: %s", why)
        else:
            log.info("READY: line %s, station %s", self._station.line, self._station.name)
        notify(f"STATUS=offline: {why}" if why else "STATUS=inspecting")
