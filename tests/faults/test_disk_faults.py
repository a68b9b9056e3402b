"""F15, the journal's half: its disk is full, read-only, broken, hangs or is slow, under a real station at 100 parts/s.

Verdicts go on in time, the PLC and the pulse see the alarm, no row is lost, and all is well again without a restart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from agent.journal.history import open_reader
from agent.plc.register_map import Alarm
from tests.conftest import ROOT
from tests.faults.disk import FILES, build_disk
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import SEED, sized
from tests.faults.small_disk import SmallDisk
from tests.waiting import newest_pulse, wait_until

RATE_PER_S, DECIDE_MS = 100, 800
DISK_MB = 192
OUTAGES = ("full", "eio", "erofs", "enospc", "hang")
SLOW_S = 15.0
LATE_SHARE = 0.02
"""A busy computer misses some deadlines of its own."""


class RecordingLine(ScriptedLine):
    """A ScriptedLine whose journal lies on a disk of the test's."""

    def __init__(self, disk: SmallDisk, tools: Path, parts: int) -> None:
        changes = {"station": {"state_dir": str(disk.path / "state")}}
        super().__init__(Script(SEED), parts, RATE_PER_S, DECIDE_MS, changes)
        self.disk, self._library, self._fault = disk, build_disk(tools), tools / "fault"

    @property
    def journal(self) -> Path:
        return self.disk.path / "state" / "journal.sqlite"

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        if name != "station":
            return super().start(name, arguments)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(self._library))
            patch.setenv("DISK_FAULT", str(self._fault))
            patch.setenv("DISK_FILES", FILES)
            return super().start(name, arguments)

    def hurt(self, fault: str) -> None:
        """From now on the journal's disk is so."""
        if fault == "full":
            self.disk.fill()
        else:
            self._fault.write_text({"hang": "slow 3000", "slow": "slow 200"}.get(fault, fault))

    def heal(self) -> None:
        """It takes everything again."""
        self._fault.unlink(missing_ok=True)
        if (self.disk.path / "neighbour.log").exists():
            self.disk.free()

    def told(self, what: str) -> int:
        """How many events of the journal's own there are of this name."""
        reader = open_reader(self.journal)
        (count,) = reader.execute("SELECT count(*) FROM events WHERE kind = 'journal' AND what = ?", (what,)).fetchone()
        reader.close()
        return int(count)

    def alarmed(self) -> bool:
        """Does the PLC see the alarm?"""
        with self.memory() as memory:
            return bool(Alarm(memory.agent("ALARM")) & Alarm.JOURNAL)

    def trouble(self) -> str:
        """What the pulse says of the journal."""
        return newest_pulse(self.endpoints["results"]).upkeep.journal_trouble

    def go_through(self, fault: str) -> float:
        """Seen, told, and over again; ms until every row is written after it.

        A full disk may take rows for a while, as a checkpoint makes room in the log.
        """
        before = self.told("WRITTEN")
        self.hurt(fault)
        wait_until(lambda: self.trouble() != "", "the pulse tells of it")
        wait_until(self.alarmed, "the PLC sees it")
        decided = self.decided()
        wait_until(lambda: self.decided() > decided + RATE_PER_S // 2, "parts go on being decided")
        self.heal()
        begun_s = time.monotonic()
        wait_until(lambda: self.told("WRITTEN") > before and not self.trouble(), "the end is told")
        assert self.told("WAITING") == self.told("WRITTEN")
        return (time.monotonic() - begun_s) * 1000


@sized(("faults",), (("full",),), (OUTAGES * 2,))
def test_f15_rows_wait_while_the_journals_disk_takes_none(
    report: Report, tmp_path: Path, faults: tuple[str, ...]
) -> None:
    """A neighbour fills it, it fails each write, or a sync takes 3 s."""
    with SmallDisk(tmp_path / "disk", DISK_MB) as disk:
        with RecordingLine(disk, tmp_path, len(faults) * 20 * RATE_PER_S) as line:
            line.wait_for_parts(1)
            recovery_ms = [line.go_through(fault) for fault in faults]
            line.end_here()
            balance = line.balance()  # one row a part, in order, and a replay of all of them
        report.add(
            Finding("F15 journal's disk fails", balance.triggers, len(faults), balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, recovery_ms, "0 rows lost; recovery = disk well to all written")
        )  # fmt: skip
        assert balance.late <= LATE_SHARE * balance.triggers


@pytest.mark.faults
def test_f15_a_disk_that_takes_200_ms_for_each_sync_holds_nothing_up(report: Report, tmp_path: Path) -> None:
    """Commits do not sync; checkpoints do, beside them."""
    with SmallDisk(tmp_path / "disk", DISK_MB) as disk:
        with RecordingLine(disk, tmp_path, int((SLOW_S + 30) * RATE_PER_S)) as line:
            line.wait_for_parts(1)
            line.hurt("slow")
            time.sleep(SLOW_S)
            late = line.said("not on disk within its wait")
            line.end_here()
            balance = line.balance()
            assert (line.told("WAITING"), line.alarmed(), line.trouble()) == (0, False, "")
        report.add(
            Finding("F15 200 ms a sync", balance.triggers, 1, balance.escapes, balance.duplicates,
                    balance.no_decision_share, note=f"{late} rows came after their verdicts")
        )  # fmt: skip
        assert balance.late <= LATE_SHARE * balance.triggers


@pytest.mark.parametrize("state", ["full", "read-only"])
def test_f15_a_station_does_not_start_on_a_disk_that_takes_nothing(tmp_path: Path, state: str) -> None:
    """It could not even count its epoch up: one line, exit 78, and nothing is harmed."""
    with SmallDisk(tmp_path / "disk", 1) as disk:
        disk.fill() if state == "full" else disk.make_read_only()
        probe = (
            "from pathlib import Path; from agent.errors import exit_on_error\n"
            "from agent.agent_epoch import next_agent_epoch, state_dir_alone\n"
            f"state = Path({str(disk.path)!r})\n"
            "with exit_on_error(), state_dir_alone(state): next_agent_epoch(state)"
        )
        started = run_python(probe)
    assert started.returncode == 78
    assert started.stderr.count("\n") == 1
    assert "state_dir" in started.stderr


def run_python(program: str) -> Any:
    """As another process."""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
