"""Nobody takes the log: parts go on in time, and the process ends as soon as it should. A real station, a real line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from subprocess import Popen

from tests.conftest import ROOT
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine, is_ready
from tests.faults.sizes import SEED
from tests.waiting import wait_until

RATE_PER_S, PARTS_EACH = 50, 50
LONG_S = 240
STOP_LIMIT_S = 2.0
REQUIRED = {"journal": {"required": True, "wait_ms": 200}}
"""No PASS without its row on disk, whatever is killed when."""


def full_pipe() -> tuple[int, ...]:
    """(its end for the station, its other end): a reader that has stopped reading."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
    return writer, reader


def broken_pipe() -> tuple[int, ...]:
    """A reader that has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    return (writer,)


class UnheardLine(ScriptedLine):
    """A line whose station's stderr can be something else than a file."""

    def start_unheard(self, stderr: int | None) -> Popen[bytes]:
        """Returns when the PLC is told READY by the new process. `stderr` None: it is closed."""
        shell = ["sh", "-c", 'exec "$@" 2>&-', "sh"] if stderr is None else []
        command = [*shell, sys.executable, "-m", self.station, str(self.config), str(self._path / "segmenter.json")]
        with self.memory() as memory:
            old = memory.agent("AGENT_EPOCH")
            process = Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, cwd=ROOT)
            self._processes["station"] = self.processes["station"] = process
            wait_until(
                lambda: memory.agent("AGENT_EPOCH") != old and is_ready(memory), "it is READY", lambda: process.poll()
            )
        return process

    def strike_once(self, thread: str) -> int:
        """As `strike`; its last words take a moment here, and are not to be struck."""
        (self._path / "segmenter.strike").write_text(thread)
        station = self.processes["station"]
        while station.poll() is None:
            station.send_signal(signal.SIGUSR1)
            with suppress(subprocess.TimeoutExpired):
                station.wait(STOP_LIMIT_S)
        return station.wait()

    def inspects_in_time(self) -> None:
        """PARTS_EACH more parts come and go, many of them with a line of their own."""
        self.wait_for_parts(self.decided() + PARTS_EACH)


def stopped_in_time(process: Popen[bytes]) -> int:
    """SIGTERM; its exit code."""
    process.terminate()
    return process.wait(STOP_LIMIT_S + 3)


def test_a_log_that_nobody_takes_holds_up_no_part_and_no_end(report: Report) -> None:
    """stderr is a pipe that nobody reads, one that nobody holds any more, or closed; each part has its verdict."""
    ways: tuple[Callable[[], tuple[int, ...]] | None, ...] = (full_pipe, broken_pipe, None)
    script = Script(SEED, no_decision_share=0.3)
    with UnheardLine(script, LONG_S * RATE_PER_S, RATE_PER_S, changes=REQUIRED) as line:
        line.wait_for_parts(1)
        ended_s = []
        for make in ways:
            line.kill_station()
            ends = make() if make else ()
            process = line.start_unheard(ends[0] if ends else None)
            line.inspects_in_time()
            begun_s = time.monotonic()
            assert stopped_in_time(process) == 0, make
            ended_s.append(time.monotonic() - begun_s)
            [os.close(end) for end in ends]
        ends = full_pipe()
        line.start_unheard(ends[0])
        begun_s = time.monotonic()
        assert line.strike_once("journal") == 1, "its line cannot go out, the process ends all the same"
        ended_s.append(time.monotonic() - begun_s)
        line.restart_station()
        line.inspects_in_time()
        line.end_here()
        balance = line.balance()
    report.add(
        Finding("log that nobody takes", balance.triggers, len(ways) + 1, balance.escapes, balance.duplicates,
                balance.no_decision_share, None, [],
                f"stderr full, broken, closed: parts go on; ended in {max(ended_s):.2f} s at most")
    )  # fmt: skip
    assert max(ended_s) < STOP_LIMIT_S + 1
