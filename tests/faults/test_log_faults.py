"""Nobody takes the log: parts go on in time, and the process ends as soon as it should. A real station, a real line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import Popen

from tests.conftest import ROOT
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine, is_ready
from tests.faults.sizes import SEED
from tests.waiting import wait_until

RATE_PER_S, PASSES_EACH = 100, 30
LONG_S = 120
STOP_LIMIT_S = 2.0
REQUIRED = {"journal": {"required": True, "wait_ms": 200}}
"""No PASS without its row on disk, whatever is killed when."""


@contextmanager
def full_pipe() -> Iterator[int]:
    """Its reader has stopped reading."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    yield writer
    os.close(writer)
    os.close(reader)


@contextmanager
def broken_pipe() -> Iterator[int]:
    """Its reader has ended."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@contextmanager
def closed() -> Iterator[None]:
    """There is no stderr at all."""
    yield


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
        """So many parts pass in time, and about half as many have a line of their own."""
        passed = self._passed()
        wait_until(lambda: self._passed() >= passed + PASSES_EACH, "parts pass")

    def _passed(self) -> int:
        return (self._path / "truth.jsonl").read_bytes().count(b'"passed"')


def stop(line: UnheardLine) -> float:
    """SIGTERM; how long its orderly end took, s."""
    begun_s, process = time.monotonic(), line.processes["station"]
    process.terminate()
    assert process.wait(STOP_LIMIT_S + 3) == 0
    return time.monotonic() - begun_s


def crash(line: UnheardLine) -> float:
    """A thread dies of an exception, and cannot say so; how long it took the process to end, s."""
    begun_s = time.monotonic()
    assert line.strike_once("journal") == 1
    return time.monotonic() - begun_s


def test_a_log_that_nobody_takes_holds_up_no_part_and_no_end(report: Report) -> None:
    """stderr is a pipe that nobody reads, one that nobody holds any more, or closed; each part has its verdict."""
    ways = ((full_pipe, stop), (full_pipe, crash), (broken_pipe, stop), (closed, None))
    script = Script(SEED, no_decision_share=0.3)
    with UnheardLine(script, LONG_S * RATE_PER_S, RATE_PER_S, changes=REQUIRED) as line:
        line.wait_for_parts(1)
        line.kill_station()
        ended_s = []
        for stderr, end in ways:
            with stderr() as descriptor:
                line.start_unheard(descriptor)
                line.inspects_in_time()
                if end is not None:
                    ended_s.append(end(line))
        line.end_here()
        balance = line.balance()
    report.add(
        Finding("log that nobody takes", balance.triggers, len(ways), balance.escapes, balance.duplicates,
                balance.no_decision_share, None, [],
                f"stderr full, broken, closed: parts go on; ended in {max(ended_s):.2f} s at most")
    )  # fmt: skip
    assert max(ended_s) < STOP_LIMIT_S + 1
