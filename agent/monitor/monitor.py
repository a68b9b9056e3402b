"""Follows the station's own results in a thread of its own: drift, and counts for Prometheus.

What it is told of it only puts aside; it looks twice a second.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from agent.config import Config
from agent.ending import Ending
from agent.event import Event
from agent.identity import Identity
from agent.journal.journal import Journal
from agent.log.about import about
from agent.log.happening import Happening
from agent.messages import ResultMessage
from agent.monitor.baselines import Baselines, as_text
from agent.monitor.drift import Change, Drift
from agent.monitor.parts import part_of
from agent.monitor.pulse import Pulse
from agent.plc.decision import Closed
from agent.plc.register_map import Alarm
from agent.raised import Raised
from agent.results_config import DriftConfig
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

ROUND_S = 0.5
MOST_WAITING = 10_000
"""At 200 parts/s some fifty seconds; then the oldest are not counted."""


def open_monitor(
    config: Config, identity: Identity, journal: Journal, pulse: Pulse, raised: Raised, opened: Ending
) -> Monitor:
    """It follows `journal` until `opened` is closed. ConfigError when the endpoint for Prometheus cannot be had."""
    monitor = Monitor(config.drift, config.station.state_dir, journal.record, raised)
    opened.closes(monitor)
    journal.on_completed(monitor.heard)
    if config.metrics is not None:  # its library is not imported where nobody wants it
        open_metrics = import_module("agent.monitor.open_metrics").open_metrics
        open_metrics(config.metrics, config, identity, monitor, pulse, opened)
    return monitor


class Monitor:
    """`record` writes an event down. Its thread runs from the start; close it after the journal."""

    def __init__(self, config: DriftConfig, state_dir: Path, record: Callable[[Event], None], raised: Raised) -> None:
        self._record, self._raised = record, raised
        self._file = Baselines(state_dir / "drift.json")
        self._baselines = self._file.read()
        self._unsaved = False
        self._count: Callable[[ResultMessage], None] = lambda _: None
        self._waiting: deque[ResultMessage] = deque(maxlen=MOST_WAITING)
        self._lock = threading.Lock()
        """Held while `drift` is changed."""
        self.drift = Drift(config, self._baselines)
        self._worker = Worker("monitor", self._look_forever)
        self._worker.start()

    def heard(self, message: ResultMessage, closed: Closed | None) -> None:
        """A completed row; takes no time."""
        self._waiting.append(message)

    def on_part(self, count: Callable[[ResultMessage], None]) -> None:
        """Call `count`, in this thread, with every completed row."""
        self._count = count

    def begin_anew(self) -> str:
        """An operator says that all is as it should be: what is usual is learnt from the next parts."""
        with self._lock:
            parts = self.drift.begin_anew()
            self._unsaved = True
        return f"what is usual is learnt from the next {parts} parts"

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        return {"drifting": self.drift.drifting, "drift_learning_parts": self.drift.learning_parts}

    def close(self, within_s: float = CLOSE_S) -> None:
        """Look at what is still waiting, and keep what has been learnt."""
        self._worker.close(within_s)

    # --- the monitor's thread ------------------------------------------------------------------------------------

    def _look_forever(self) -> None:
        while not self._worker.ending.wait(ROUND_S):
            self._look()
            if self._unsaved:
                self._save()
        self._look()
        if self._baselines or self._unsaved:  # of one that is still being learnt, too
            self._save()

    def _look(self) -> None:
        while self._waiting:
            message = self._waiting.popleft()
            self._count(message)
            part = part_of(message)
            if part is not None:
                with self._lock:
                    before = self.drift.learnt
                    changes = self.drift.observe(part)
                if self.drift.learnt > before:
                    self._tell_what_is_usual()
                for change in changes:
                    self._tell(change)

    def _tell_what_is_usual(self) -> None:
        self._unsaved = True
        learnt = ", ".join(f"{figure.name} {figure.usual:.4g}" for figure in self.drift.figures)
        self._record(Event("drift", "baseline", f"learnt what is usual: {learnt}"))

    def _tell(self, change: Change) -> None:
        verb = "left its limits" if change.left else "came back within its limits"
        log.warning("drift: %s %s: %s", change.figure, verb, change, extra=about(Happening.DRIFT))
        self._record(Event("drift", change.figure, f"{verb}: {change}"))
        if change.left:
            self._raised.add(Alarm.DRIFT)

    def _save(self) -> None:
        with self._lock:  # not while the disk is written: an operator's command waits for the same lock
            text, self._unsaved = as_text(self._baselines), False
        if not self._file.write(text):
            self._unsaved = True
