"""F17: somebody sets the station's clock: all but what people read goes by another. Or the computer is suspended.

The clocks are those of the station's process alone (clocks.c): PLC, camera's photo-eye and this test have true ones.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from agent.config import load_config
from agent.messages import StatusMessage
from agent.report.period import asked_period
from agent.report.report import make_report
from agent.subscriber.subscriber import history, subscribe_status
from tests.faults.clocks import Clocks
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import FULL_TIMEOUT_S, SEED, sized
from tests.faults.test_process_faults import REQUIRED, check_the_dead
from tests.systemd import told_to_systemd

HOUR_S, YEAR_S = 3600.0, 365 * 86400.0
RATE_PER_S, DECIDE_MS = 100, 800
BERLIN = {"TZ": "Europe/Berlin"}
SUMMER_S, WINTER_S = (datetime(2027, month, day, 1, tzinfo=UTC).timestamp() for month, day in ((3, 28), (10, 31)))
"""When Berlin's clocks are changed."""
FED = "WATCHDOG=1"
BUSY_ALARMS = {"DEADLINES"}
"""Two parts in a thousand that were late, for whatever reason."""
SLEEPS, LOOP_S = 20, 15
"""The belt is long enough for a slow computer."""
SLEEP_S = 0.7
"""Longer than the PLC waits for a heartbeat, and than a part is on its way to the arm."""
FED_SHARE, PULSE_LIMIT_S = 0.6, 3.0
"""Both come once a second, on a busy computer somewhat later; a clock that is set back would keep them for longer."""


class SetLine(ScriptedLine):
    """A line whose station goes by clocks that can be set."""

    def __init__(self, folder: Path, parts: int) -> None:
        changes = REQUIRED | {"shifts": {"time_zone": BERLIN["TZ"]}, "trigger": {"capture_window_ms": DECIDE_MS / 2}}
        super().__init__(Script(SEED), parts, RATE_PER_S, DECIDE_MS, changes)
        self.clocks = Clocks(folder)
        self.environment = BERLIN | self.clocks.environment

    def set_the_clock(self, pause_s: float) -> int:
        """In every way, again and again, until all parts are decided; how often."""
        steps, count = self._steps(), 0
        while self.decided() < self.options.parts:
            self.clocks.step(next(steps))
            count += 1
            time.sleep(pause_s)
        return count

    def _steps(self) -> Iterator[float]:
        """By how much, s."""
        while True:
            yield from (HOUR_S, -HOUR_S, YEAR_S, -YEAR_S, -HOUR_S, HOUR_S)
            for change_s in (SUMMER_S, WINTER_S):  # the clock strikes before the next step
                yield change_s - 0.1 - time.time() - self.clocks.ahead_s
            yield 0.010  # what a time server does to a clock that is a little wrong
            yield -self.clocks.ahead_s


class Pulses:
    """Every pulse, with when it came by a clock that nobody sets."""

    def __init__(self, endpoint: str) -> None:
        self.heard: list[tuple[float, StatusMessage]] = []
        threading.Thread(target=self._listen, args=(endpoint,), daemon=True).start()

    def _listen(self, endpoint: str) -> None:
        for status in subscribe_status(endpoint):
            self.heard.append((time.monotonic(), status))


@sized(("parts", "pause_s"), (250, 0.2), (RATE_PER_S * 180, 4.0))
def test_f17_the_clock_is_set_while_parts_run(report: Report, tmp_path: Path, parts: int, pause_s: float) -> None:
    with told_to_systemd(tmp_path / "notify") as told, SetLine(tmp_path, parts) as line:
        line.wait_for_parts(1)
        pulses = Pulses(line.endpoints["results"])
        begun_s, fed = time.monotonic(), told.count(FED)
        steps = line.set_the_clock(pause_s)
        seconds, fed = time.monotonic() - begun_s, told.count(FED) - fed
        balance = line.balance()
        rows = line.rows()
        check_record(line, rows, parts)
        assert line.said("belt stands", "simulator") == 0, "the PLC never missed the station"
    assert fed >= int(FED_SHARE * seconds), "systemd's watchdog was fed all the time"
    check_pulses(pulses.heard)
    gap_ms = max(status.plc_write_gap_ms for _, status in pulses.heard)
    late = sum(row["reason"] in ("deadline", "capture_window", "plc_link", "frame_timeout") for row in rows)
    report.add(
        Finding("F17 clock steps", balance.triggers, steps, balance.escapes, balance.duplicates,
                balance.no_decision_share, None, note=f"late {late}; longest write gap {gap_ms:.0f} ms")
    )  # fmt: skip
    assert late <= parts // 100, "no deadline went by the wall clock"


@pytest.mark.faults
@pytest.mark.timeout(FULL_TIMEOUT_S)
def test_f17_the_computer_sleeps_while_the_belt_goes_on(report: Report, tmp_path: Path) -> None:
    """It cannot be suspended here: the station's process is stopped, and its CLOCK_MONOTONIC stands still meanwhile."""
    with SetLine(tmp_path, (1 + SLEEPS) * LOOP_S * RATE_PER_S) as line:
        line.wait_for_parts(1)
        ready_ms = []
        for _ in range(SLEEPS):
            station = line.processes["station"]
            line.wait_for_parts(line.decided() + 30)
            station.send_signal(signal.SIGSTOP)
            time.sleep(SLEEP_S)
            line.clocks.sleep(SLEEP_S)
            station.send_signal(signal.SIGCONT)
            assert station.wait(5) == 1, "it ends, for a clean start"
            line.killed_ns.append(time.monotonic_ns())
            line.clocks.sleep(-SLEEP_S)  # what the next process waits for it waits for by the kernel's clock
            begun_s = time.monotonic()
            line.restart_station()
            ready_ms.append((time.monotonic() - begun_s) * 1000)
        assert line.said("this computer slept") == SLEEPS
        line.wait_for_parts(line.decided() + 30)
        line.end_here()
        balance = line.balance()
        check_the_dead(line, SLEEPS)
    report.add(
        Finding("F17 suspend", balance.triggers, SLEEPS, balance.escapes, balance.duplicates,
                balance.no_decision_share, None, ready_ms, "recovery = start to READY")
    )  # fmt: skip


def check_record(line: SetLine, rows: list[dict[str, Any]], parts: int) -> None:
    """Each row says when, by the clock as it was set; its order, and every time within it, is the true one."""
    said = [datetime.fromisoformat(row["decided_utc"]) for row in rows]
    assert max(said) - min(said) > timedelta(days=364), "the clock was set, and the station went by it"
    assert any(later < earlier for earlier, later in pairwise(said)), "also back"
    assert [row["message_id"] for row in rows] == list(range(1, parts + 1)), "no row left out, none wiped away"
    decided_ns = [row["decided_ns"] for row in rows]
    assert sum(later < earlier for earlier, later in pairwise(decided_ns)) <= parts // 100, "in the order of decisions"
    messages = list(history(line.settings["publisher"]["replay"], last=1000))
    assert len(messages) == min(1000, parts)
    assert all(value >= 0 for message in messages for value in message.latencies_ms.values())
    assert all(row["triggered_ns"] <= row["decided_ns"] for row in rows)
    config, now = load_config(line.config), datetime(2040, 1, 1, tzinfo=UTC)
    ever = asked_period(config.shifts, now, None, None, "2020-01-01T00:00", "2039-01-01T00:00")
    assert make_report(config, line.journal, ever, now).parts.all.parts == parts


def check_pulses(heard: list[tuple[float, StatusMessage]]) -> None:
    """They went on once a second, whatever time they told."""
    gaps_s = [later - earlier for (earlier, _), (later, _) in pairwise(heard)]
    assert len(heard) >= 2
    assert max(gaps_s) < PULSE_LIMIT_S
    told = [datetime.fromisoformat(status.utc) for _, status in heard]
    assert max(told) - min(told) > timedelta(minutes=59)
    alarms = {alarm for _, status in heard for alarm in status.alarms}
    assert alarms <= BUSY_ALARMS
