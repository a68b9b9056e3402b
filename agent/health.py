"""Is every stage making progress? The PLC's heartbeat and systemd's watchdog advance only while it is so.

Idle is not hung: a stage is judged only while it is busy. Over its budget by more than GRACE_MS the
heartbeat falls silent; EXIT_MS after that the process is ended, and systemd starts a clean one. Whoever looks late
(the process was stopped, a virtual machine was moved) finds all others late, too, and gives them EXIT_MS, once. The
process ends as well when this computer has slept: CLOCK_MONOTONIC stood still while the belt went on, and no deadline
of a part is true any more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agent.log.about import about
from agent.log.happening import Happening
from agent.log.last_words import end_process, where_all_are
from agent.results_config import MOST_WAIT_MS

log = logging.getLogger(__name__)

GRACE_MS = 500
EXIT_MS = 1000
SLEPT_MS = 10
IDLE_MS = 100
"""So long the loop waits for a part before it looks round."""
DELIVER_MS = MOST_WAIT_MS
"""Judge, journal row and the hand-over to the link: some ms; a slow disk is waited for `journal.wait_ms` at most."""
LATE_LOOK_NS = 1_000_000_000
READINGS = 5


@dataclass
class Stage:
    """One stage's stamp: written by its own thread, read by the link's."""

    name: str
    budget_ms: float
    _begun_ns: int = 0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Mark the work inside as in progress."""
        self.begin()
        try:
            yield
        finally:
            self._begun_ns = 0

    def begin(self) -> None:
        """It is busy with something new from now on."""
        self._begun_ns = time.monotonic_ns()

    def over_budget_ms(self, now_ns: int) -> float:
        """How long the stage has been busy beyond its budget; ≤ 0 when idle or in time."""
        begun_ns = self._begun_ns
        return (now_ns - begun_ns) / 1e6 - self.budget_ms if begun_ns else 0.0


@dataclass
class Health:
    """All stages of a station."""

    stages: tuple[Stage, ...]
    _slept_ns: int = field(default_factory=lambda: slept_before_ns())
    _looked_ns: int = 0
    _spared_ns: int = 0
    """When a stage that hangs was found by a late look; 0 = it was not."""

    def worst(self, now_ns: int) -> tuple[Stage, float]:
        """The stage most over its budget, and by how many ms."""
        return max(((stage, stage.over_budget_ms(now_ns)) for stage in self.stages), key=lambda item: item[1])

    def alive(self, now_ns: int) -> bool:
        """May the heartbeat advance?"""
        return self.worst(now_ns)[1] <= GRACE_MS

    def hung(self, now_ns: int) -> Stage | None:
        """The stage for which the process should end, if any."""
        stage, over_ms = self.worst(now_ns)
        return stage if over_ms > GRACE_MS + EXIT_MS else None

    def end_if_hung(self, now_ns: int) -> None:
        """End the process, for a clean restart, when a stage hangs: called by the link's thread alone, which does not.

        And when the computer has slept.
        """
        self.end_if_slept()
        late, self._looked_ns = now_ns - self._looked_ns > LATE_LOOK_NS, now_ns
        hung = self.hung(now_ns)
        if hung is None:
            self._spared_ns = 0
        elif late and not self._spared_ns:
            self._spared_ns = now_ns
        elif now_ns - self._spared_ns >= EXIT_MS * 1e6:
            log.critical(
                "stage '%s' hangs over its budget of %.0f ms: exit for a clean restart",
                hung.name,
                hung.budget_ms,
                extra=about(Happening.STAGE_HANGS, STAGE=hung.name, THREADS=where_all_are()),
            )
            end_process()

    def end_if_slept(self) -> None:
        """End the process when the computer has slept since this was made; in any thread."""
        slept_ms = (slept_ns() - self._slept_ns) / 1e6
        if slept_ms > SLEPT_MS:
            log.critical(
                "this computer slept for %.0f ms: exit for a clean restart; forbid it: systemctl mask sleep.target",
                slept_ms,
                extra=about(Happening.COMPUTER_SLEPT),
            )
            end_process()


def slept_ns() -> int:
    """For how long this computer has been suspended since it was switched on; read in this order never too much."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()


def slept_before_ns() -> int:
    """The same, never too little: a thread that is held up between the two clocks must not count as a sleep later."""
    return min(-time.monotonic_ns() + time.clock_gettime_ns(time.CLOCK_BOOTTIME) for _ in range(READINGS))


@dataclass(frozen=True)
class Stages:
    """The stages of one part's way; `loop` spans them all and the wait for a part: nothing between hangs unseen."""

    grab: Stage
    segment: Stage
    loop: Stage

    @staticmethod
    def of(grab_ms: float, segment_ms: float) -> Stages:
        """With these budgets."""
        return Stages(
            Stage("grab", grab_ms),
            Stage("segment", segment_ms),
            Stage("loop", IDLE_MS + grab_ms + segment_ms + DELIVER_MS),
        )

    def allow_segment(self, segment_ms: float) -> None:
        """From now on the segment stage has this budget, and the loop around it as much more or less."""
        self.loop.budget_ms += segment_ms - self.segment.budget_ms
        self.segment.budget_ms = segment_ms

    @property
    def health(self) -> Health:
        return Health((self.grab, self.segment, self.loop))
