"""F8, F12, F18: more parts than the station can inspect, verdicts that come too late, a computer that is busy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from statistics import median
from typing import Any

import pytest

from tests.faults.plc_memory import HeartbeatWatch
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import CYCLE_MS, MS, RATE_PER_S, ScriptedLine
from tests.faults.sizes import SEED, sized

pytestmark = pytest.mark.alone

MISSED = ("capture_window", "frame_timeout", "camera_lost", "frame_mismatch", "ring_overrun")
"""Reasons that MISSED_CNT counts."""
PITCH_MS = 1000 / RATE_PER_S
BURST, CALM = 2 * RATE_PER_S, 3 * RATE_PER_S // 2
"""Parts: 2 s and 1.5 s."""
RSS_LIMIT_MB = 20.0
PRIORITIES = (0, 50) if os.geteuid() == 0 else (0,)
"""Of the link's thread, [realtime] link_priority: root needs no permission for it."""


@sized(("bursts", "share"), (2, 0.8), (20, 0.98))
def test_f8_bursts_of_twice_and_five_times_what_the_station_can_do(report: Report, bursts: int, share: float) -> None:
    """For 2 s an inference takes 2 or 5 times the pitch. What is lost is counted; 1 s later all is as before.

    (`share` of the parts have a verdict then: a busy computer takes some of its own.)
    """
    firsts = [CALM + number * (BURST + CALM) + 1 for number in range(bursts)]
    slow = tuple((first, first + BURST - 1, PITCH_MS * (2, 5)[number % 2]) for number, first in enumerate(firsts))
    total = CALM + bursts * (BURST + CALM)
    with ScriptedLine(Script(SEED, no_decision_share=0.0, slow=slow), total) as line:
        line.wait_for_parts(CALM - 50)
        before_mb = rss_mb(line.processes["station"].pid)
        balance = line.balance()
        line.check_counters()
        after_mb = rss_mb(line.processes["station"].pid)
        rows = {row["trigger_seq"]: row for row in line.rows()}
        missed = sum(row["reason"] in MISSED for row in rows.values())
        assert line.counters(["MISSED_CNT", "LATE_CNT"]) == [missed, late(line)]
        calm_ms = latencies_ms(rows, range(50, CALM))
        recovered = [part for first in firsts for part in range(first + BURST + RATE_PER_S, first + BURST + CALM)]
        after_ms = latencies_ms(rows, recovered)
        report.add(
            Finding("F8 bursts", total, bursts, balance.escapes, balance.duplicates, balance.no_decision_share,
                    bursts * BURST / total, [],
                    f"photo-eye to PLC {median(calm_ms):.0f} ms before, {median(after_ms):.0f} ms 1 s after; "
                    f"memory {before_mb:.0f} → {after_mb:.0f} MB")
        )  # fmt: skip
        assert len(after_ms) >= share * len(recovered), "the line is not back to normal a second after the burst"
        assert after_mb - before_mb < RSS_LIMIT_MB
        assert balance.no_decision > BURST / 4, "this run has proved nothing"


def latencies_ms(rows: dict[int, dict[str, Any]], parts: Iterable[int]) -> list[float]:
    """From the photo-eye to the acknowledged verdict, of those that have one."""
    found = (rows[part] for part in parts)
    return [(row["acknowledged_ns"] - row["triggered_ns"]) / MS for row in found
            if row["verdict"] != "no_decision" and row["acknowledged_ns"]]  # fmt: skip


def late(line: ScriptedLine) -> int:
    """What LATE_CNT must be: the station delivers one verdict a part, for those settled by their deadline too late."""
    return sum(row["reason"] == "deadline" for row in line.rows())


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- late verdicts ---------------------------------------------------------------------------------------------------

LATE_RATE_PER_S, LATE_DECIDE_MS, LATE_GUARD_MS, DETECTED_MS = 13, 100, 40, 16
"""A part is known to the station about DETECTED_MS after the photo-eye; the guard leaves time to see late ones come."""


@sized(("parts",), (70,), (1_500,))
def test_f12_a_verdict_that_comes_too_late_changes_nothing_and_is_counted(report: Report, parts: int) -> None:
    """Inference takes 0.8 to 1.5 times what is left until the deadline."""
    budget_ms = LATE_DECIDE_MS - LATE_GUARD_MS - DETECTED_MS
    script = Script(SEED, no_decision_share=0.0, run_ms=(0.8 * budget_ms, 1.5 * budget_ms))
    changes = {"plc": {"guard_ms": LATE_GUARD_MS}}
    with ScriptedLine(script, parts, LATE_RATE_PER_S, LATE_DECIDE_MS, changes) as line:
        balance = line.balance()
        line.check_counters()
        rows = line.rows()
        too_late = [row for row in rows if row["reason"] == "deadline"]
        unrecorded = sum(row["late_verdict"] is None for row in too_late)
        report.add(
            Finding("F12 late verdicts", parts, 0, balance.escapes, balance.duplicates, balance.no_decision_share,
                    None, [], f"{len(too_late)} late, {unrecorded} of them after the part was done with")
        )  # fmt: skip
        assert line.counters(["LATE_CNT"]) == [len(too_late)]
        assert {row["verdict"] for row in too_late} == {"no_decision"}
        in_time = [row for row in rows if row["reason"] not in ("deadline", "plc_link")]
        assert all(row["late_verdict"] is None for row in in_time)
        assert unrecorded <= 0.05 * parts
        assert min(len(too_late), balance.passed) >= parts / 20, "this run has proved nothing"


# --- a busy computer -------------------------------------------------------------------------------------------------


@sized(("seconds", "hogs", "priorities"), (2, ("everything",), (0,)), (30, ("processes", "a thread"), PRIORITIES))
def test_f18_the_heartbeat_on_a_busy_computer(
    report: Report, seconds: float, hogs: tuple[str, ...], priorities: tuple[int, ...]
) -> None:
    """A process that computes on every core, and a thread that never gives up the interpreter. Measured, not asserted:
    how long the PLC's memory sees AGENT_HB stand still. Asserted: what every run must hold."""
    for hog, link_priority in product(hogs, priorities):
        script = Script(SEED, gil_hog=hog != "processes")
        changes = {"realtime": {"link_priority": link_priority}}
        with ScriptedLine(script, round(seconds * RATE_PER_S), changes=changes) as line, ExitStack() as running:
            if hog != "a thread":
                running.enter_context(cpu_hogs())
            line.wait_for_parts(20)
            with HeartbeatWatch(line.settings["plc"]["port"]) as watch:
                line.wait_for_parts(line.options.parts - 20)
            balance = line.balance()
            line.check_counters()
            gaps_ms, limit_ms = watch.gaps_ms(), 2 * CYCLE_MS
            held = "held" if gaps_ms[-1] <= limit_ms else "MISSED"
            report.add(
                Finding(f"F18 {hog} computes", balance.triggers, 0, balance.escapes, balance.duplicates,
                        balance.no_decision_share, None, [],
                        f"link_priority {link_priority}: AGENT_HB gap p50 {median(gaps_ms):.0f}, "
                        f"p99.9 {gaps_ms[len(gaps_ms) * 999 // 1000]:.0f}, "
                        f"max {gaps_ms[-1]:.0f} ms; limit {limit_ms} ms {held}")
            )  # fmt: skip


@contextmanager
def cpu_hogs() -> Iterator[None]:
    """One busy process a core."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
