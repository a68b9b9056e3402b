"""How the station stands, for people: what it waits for, that it inspects, or why it does not. To systemd and log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from agent.config import StationConfig
from agent.log.about import about
from agent.log.happening import Happening
from agent.plc.decision import Situation
from agent.service import ends_at_once, notify

log = logging.getLogger(__name__)

MODEL_LIMIT_S = 600
"""CUDA's first start, or an engine that has to be built, takes minutes; what takes longer hangs, and is begun anew."""
WAIT_LIMIT_S = 90
"""One attempt to open a camera takes a minute at most, and what is waited for is said again after each."""
COUNTS_S = 5.0
"""So often the parts are counted on in STATUS=; whatever else changes is told at once."""


class Waiting:
    """Until model, camera and PLC are there."""

    def __init__(self) -> None:
        self._told = ""

    @contextmanager
    def opening(self, what: str, limit_s: float) -> Iterator[None]:
        """Inside, nothing can be told and no signal be heeded: systemd waits so long, and a signal ends it at once."""
        _tell(f"opening {what}", limit_s)
        with ends_at_once():
            yield

    def say(self, what: str) -> None:
        """Call about once a second: systemd waits on, and the log has each change."""
        if what != self._told:
            log.info("waiting: %s", what, extra=about(Happening.WAITING))
        self._told = what
        _tell(f"waiting: {what}", WAIT_LIMIT_S)


def _tell(status: str, wait_s: float) -> None:
    notify(f"STATUS={status}\nEXTEND_TIMEOUT_USEC={wait_s * 1e6:.0f}")


class Stand(Protocol):
    """What of the link counts here."""

    def offline(self) -> str:
        """Why no part can be inspected although all is there, and what to do; "" = parts are inspected."""
        ...

    def trouble(self) -> str:
        """Why nobody announces parts now; "" = somebody does."""
        ...


class Standing:
    """From then on. `newest`: the parts and alarms as they were counted last."""

    def __init__(self, station: StationConfig, link: Stand, newest: Callable[[], Situation]) -> None:
        self._station, self._link, self._newest = station, link, newest
        self._logged: str | None = None
        self._told, self._told_s = ("", "", ""), 0.0

    def say(self) -> None:
        """Call as often as you like: each change is told once."""
        why, situation = self._link.offline(), self._newest()
        self._log(why)
        stands = f"offline: {why}" if why else f"waiting: {lost}" if (lost := self._link.trouble()) else "inspecting"
        told = stands, _alarms(situation), _parts(situation)
        due = told[:2] != self._told[:2] or time.monotonic() - self._told_s >= COUNTS_S
        if told != self._told and due:
            notify("STATUS=" + "; ".join(filter(None, told)))
            self._told, self._told_s = told, time.monotonic()

    def _log(self, why: str) -> None:
        if why == self._logged:
            return
        self._logged = why
        if why:
            log.warning("offline: %s", why, extra=about(Happening.OFFLINE))
        else:
            line, name = self._station.line, self._station.name
            log.info("READY: line %s, station %s", line, name, extra=about(Happening.READY))


def _alarms(situation: Situation) -> str:
    return f"alarms: {', '.join(situation.alarms)}" if situation.alarms else ""


def _parts(situation: Situation) -> str:
    """Since the start."""
    without = sum(situation.no_decisions.values())
    if not (parts := situation.inspected + without):
        return ""
    return f"{parts:,} parts" + (f", {without:,} of them not inspected" if without else "")
