"""A stage that hangs ends the process in time; one that is late because all was held up does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent import health as health_module
from agent.health import EXIT_MS, GRACE_MS, Health, Stage

MS = 1_000_000
BUDGET_MS, TICK_MS = 200, 20
HANGS_MS = BUDGET_MS + GRACE_MS + EXIT_MS


class Ended(Exception):
    """In place of the process."""


@pytest.fixture(autouse=True)
def _no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def end(code: int) -> None:
        raise Ended

    monkeypatch.setattr("agent.log.last_words.os._exit", end)


class Station:
    """A link that looks and a stage that is busy, by a clock of the test's."""

    def __init__(self) -> None:
        self.stage, self.now_ms = Stage("loop", BUDGET_MS), 1_000
        self.health = Health((self.stage,))
        self.begin()
        self.look()

    def begin(self) -> None:
        self.stage._begun_ns = self.now_ms * MS

    def look(self, after_ms: int = 0) -> None:
        self.now_ms += after_ms
        self.health.end_if_hung(self.now_ms * MS)

    def ended_after_ms(self, looks: Iterator[int] | None = None) -> int:
        """From now on the stage does not come back."""
        since_ms = self.now_ms
        try:
            while self.now_ms < since_ms + 60_000:
                self.look(next(looks) if looks else TICK_MS)
        except Ended:
            return self.now_ms - since_ms
        raise AssertionError("it goes on for a minute")


def test_a_hung_stage_ends_the_process_a_second_after_the_heartbeat_fell_silent() -> None:
    assert HANGS_MS < Station().ended_after_ms() <= HANGS_MS + TICK_MS


@pytest.mark.parametrize("stopped_ms", [2_400, 60_000])
def test_whoever_was_stopped_and_goes_on_finds_nobody_hung(stopped_ms: int) -> None:
    """The link may look before the loop has come round; the heartbeat waits for the loop."""
    station = Station()
    for _ in range(3):
        station.look(stopped_ms)
        assert not station.health.alive(station.now_ms * MS)
        station.look(TICK_MS)
        station.begin()
        station.look(TICK_MS)
        assert station.health.alive(station.now_ms * MS)


def test_who_hangs_after_all_was_stopped_ends_the_process_a_second_later() -> None:
    station = Station()
    station.look(60_000)
    assert EXIT_MS <= station.ended_after_ms() <= EXIT_MS + TICK_MS


def test_a_link_that_is_always_late_ends_the_process_all_the_same() -> None:
    assert Station().ended_after_ms(iter([EXIT_MS + TICK_MS] * 60)) <= HANGS_MS + 2 * (EXIT_MS + TICK_MS)


class HeldUpClocks:
    """Both clocks stand alike; the thread that reads them is held up for 50 ms after its first look at one."""

    CLOCK_BOOTTIME = 7

    def __init__(self) -> None:
        self.now_ns, self.looks = 10**12, 0

    def monotonic_ns(self) -> int:
        self.looks += 1
        self.now_ns += 50 * MS if self.looks == 2 else 1_000
        return self.now_ns

    def clock_gettime_ns(self, clock: int) -> int:
        return self.monotonic_ns()


def test_a_thread_that_is_held_up_between_two_clocks_has_not_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "time", HeldUpClocks())
    health = Health((Stage("loop", BUDGET_MS),))
    for _ in range(3):
        health.end_if_slept()
