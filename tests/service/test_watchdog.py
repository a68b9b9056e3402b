"""F19: whatever hangs, the process ends within WatchdogSec + 1 s and is READY again; the heartbeat is silent before.

The stages and threads are the real ones, each brought to a halt where it stands (halting_station.py).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import pytest

from agent.local_line import LineOptions
from tests.faults.plc_memory import HeartbeatWatch
from tests.faults.report import Finding, Report
from tests.faults.sizes import sized
from tests.service.halting_station import INTERPRETER
from tests.service.machine import Machine
from tests.service.service_line import ServiceLine
from tests.waiting import wait_until

WATCHDOG_S, WITHIN_S = 5.0, 1.0
SILENT_S = 0.3
EXIT = ": exit for a clean restart"
BELT = LineOptions(seconds=3000, rate_per_s=5)
ENDED_BY_US = ("grab", "segment", "deliver", "between parts", "link")
"""The link's thread ends the process for a stage, the watchdog's for the link …"""
ENDED_BY_SYSTEMD = (INTERPRETER, "watchdog")
"""… and systemd does where nobody is left to."""


def halting_line(machine: Machine, instance: str) -> ServiceLine:
    return ServiceLine(machine, instance, BELT, module="tests.service.halting_station")


def halt(line: ServiceLine, step: str) -> int:
    """Its process, in which that step does not come back any more."""
    (line.machine.state / line.instance / "halt").write_text(step)
    pid = line.machine.main_pid(line.unit)
    os.kill(pid, signal.SIGUSR1)
    return pid


def hang_once(line: ServiceLine, step: str) -> float:
    """How long it takes until the process is gone, s; what must hold is asserted here."""
    line.wait_until_active()
    line.wait_for_parts(len(line.truth()) + 3)
    before = line.said(EXIT)
    with HeartbeatWatch(line.settings["plc"]["port"]) as watch:
        begun_s = time.monotonic()
        pid = halt(line, step)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), f"it ends: {step}")
        ended_s = time.monotonic()
    assert ended_s - begun_s < WATCHDOG_S + WITHIN_S, step
    assert ended_s - watch.moved_s[-1] > SILENT_S or step == "watchdog", f"the heartbeat moved to the end: {step}"
    assert line.said(EXIT) - before == (step in ENDED_BY_US), step
    return ended_s - begun_s


@pytest.mark.alone
@sized(("steps",), (("segment", "link"),), ((*ENDED_BY_US, *ENDED_BY_SYSTEMD) * 15,))
def test_f19_whatever_hangs_ends_the_process_and_a_clean_one_comes(
    report: Report, machine: Machine, steps: tuple[str, ...]
) -> None:
    with halting_line(machine, f"hangs{len(steps)}") as line:
        took_s = [hang_once(line, step) for step in steps]
        line.wait_for_parts(len(line.truth()) + 3)
        line.end_here()
        verdicts = line.check_ledgers()
        longest = {step: max(s for s, of in zip(took_s, steps, strict=True) if of == step) for step in set(steps)}
        report.add(
            Finding("F19 watchdog truth", line.options.parts, len(steps), 0, 0, note=(
                f"process gone after {median(took_s):.1f} s at the median; at most "
                + ", ".join(f"{step} {s:.1f}" for step, s in longest.items())
                + f" s (WatchdogSec + 1 = {WATCHDOG_S + WITHIN_S:.0f})"
            ))
        )  # fmt: skip
        assert verdicts["pass"] > 0


def test_what_stands_beside_the_parts_and_hangs_shows(machine: Machine) -> None:
    """The journal's writer holds rows back in memory, an alarm tells of it and parts go on; without the publisher's
    thread there would be no alarm, so that ends the process."""
    with ExitStack() as running:
        journal, publisher = (running.enter_context(halting_line(machine, step)) for step in ("journal", "publisher"))
        pid = halt(publisher, "publisher")
        halt(journal, "journal")
        wait_until(lambda: "JOURNAL" in machine.status(journal.unit), "the status shows it")
        outcomes = len(journal.truth())
        journal.wait_for_parts(outcomes + 10)
        assert {"passed", "rejected"} <= {record["outcome"] for record in journal.truth()[outcomes:]}
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the publisher ends the process")
        assert publisher.said("the publisher's thread hangs") == 1
        assert machine.show(journal.unit, "NRestarts") == {"NRestarts": "0"}
