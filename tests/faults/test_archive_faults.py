"""F15, the archive's half: its disk is full, read-only, slow or gone, or the process is killed while it writes.

Verdicts go on in time, what is lost is counted and told once, and all is well again without a restart.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.archive.kept_images import KeptImage, PictureFile, kept_images
from agent.archive.layout import UNFINISHED
from agent.journal.history import open_reader
from agent.messages import Upkeep
from agent.plc.register_map import Alarm
from tests.conftest import ROOT
from tests.faults.killed_writer import opened
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import SEED, sized
from tests.faults.small_disk import SmallDisk
from tests.waiting import newest_pulse, wait_until

RATE_PER_S, DECIDE_MS = 100, 800
DISK_MB, FREE_GB = 12, 0.008
"""More is to stay free than images can ever take: no number of deleted ones makes room for a new one."""
LATE_SHARE = 0.02
"""A busy computer misses some deadlines of its own."""


class ArchivingLine(ScriptedLine):
    """A ScriptedLine that keeps the images of parts that did not pass, in a folder of the test's."""

    def __init__(self, folder: Path, parts: int, **settings: Any) -> None:
        table = {"folder": str(folder), "pass_every": 0, "min_free_gb": FREE_GB} | settings
        super().__init__(Script(SEED), parts, RATE_PER_S, DECIDE_MS, {"archive": table})
        self.folder = folder

    station = "tests.faults.sick_archive_station"

    def sick(self, how: str) -> Path:
        """While this file is there, the archive's disk is `slow` or `broken`."""
        return self._path / how

    def told(self, what: str) -> list[str]:
        """The details of the archive's events of that name, in the journal."""
        reader = open_reader(self.journal)
        rows = reader.execute(
            "SELECT detail FROM events WHERE kind = 'archive' AND what = ? ORDER BY event_id", (what,)
        ).fetchall()
        reader.close()
        return [row["detail"] for row in rows]

    def alarmed(self) -> bool:
        """Does the PLC see the alarm?"""
        with self.memory() as memory:
            return bool(Alarm(memory.agent("ALARM")) & Alarm.EVIDENCE)

    def go_through(self, hurt: Callable[[], object], heal: Callable[[], object], number: int) -> float:
        """Outage `number`, from 0: told, seen by the PLC, and over again; ms until images are kept after it."""
        self.until_it_keeps()
        before = self.upkeep().archive_dropped
        hurt()
        wait_until(lambda: len(self.told("EVIDENCE")) > number, "the outage is told")
        wait_until(self.alarmed, "the PLC sees it")
        wait_until(lambda: self.upkeep().archive_dropped > before, "so many wait that some are lost")
        assert self.upkeep().archive_trouble
        heal()
        begun_s = time.monotonic()
        self.until_it_keeps()
        recovery_ms = (time.monotonic() - begun_s) * 1000
        wait_until(lambda: len(self.told("restored")) > number, "the end is told")
        return recovery_ms

    def upkeep(self) -> Upkeep:
        """As the newest pulse has it."""
        return newest_pulse(self.endpoints["results"]).upkeep

    def lost(self) -> list[int]:
        """How many images were lost in each outage, as the events say."""
        return [int(detail.split("; ")[1].split()[0]) for detail in self.told("restored")]

    def until_it_keeps(self) -> None:
        """Until some more images are written."""
        before = self.names()
        wait_until(lambda: len(self.names() - before) > 5, "images are kept")

    def names(self) -> set[str]:
        """Of all sidecars."""
        return {path.name for path in self.folder.glob("*/*.json")}


def check_whole(images: list[KeptImage]) -> None:
    """What is believed is what was written."""
    assert images, "this run has proved nothing"
    for image in images:
        assert is_as_said(image.photo, image.sidecar.photo)
        assert image.mask is None or (image.sidecar.mask and is_as_said(image.mask, image.sidecar.mask))


def is_as_said(path: Path, said: PictureFile) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == said.sha256


@sized(("faults",), (("full",),), (("full", "read-only", "slow", "EIO") * 8,))
def test_f15_the_archives_disk_fails(report: Report, tmp_path: Path, faults: tuple[str]) -> None:
    """A neighbour fills it; it is remounted; a write takes 200 ms, or fails. Parts go on coming at 100/s."""
    parts, recovery_ms = min(65_000, len(faults) * 60 * RATE_PER_S), []
    with SmallDisk(tmp_path / "disk", DISK_MB) as disk:
        with ArchivingLine(disk.path / "images", parts) as line:
            ways = {
                "full": (disk.fill, disk.free),
                "read-only": (disk.make_read_only, disk.make_writable),
                "slow": (line.sick("slow").touch, line.sick("slow").unlink),
                "EIO": (line.sick("broken").touch, line.sick("broken").unlink),
            }
            for number, fault in enumerate(faults):
                recovery_ms.append(line.go_through(*ways[fault], number))
            line.end_here()
            balance, lost = line.balance(), line.lost()
            assert len(line.told("EVIDENCE")) == len(faults), "one event for each outage"
            assert line.said("images wait") == len(faults), "one line in the log for each outage"
        report.add(
            Finding("F15 archive's disk fails", balance.triggers, len(faults), balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, recovery_ms,
                    f"{sum(lost)} images lost and counted; recovery = disk well to images kept")
        )  # fmt: skip
        assert all(lost), "this run has proved nothing"
        assert balance.late <= LATE_SHARE * balance.triggers
        check_whole(list(kept_images(disk.path / "images")))


@sized(("kills",), (2,), (200,))
def test_f15_a_process_killed_while_it_writes_images_leaves_none_that_is_believed(
    report: Report, tmp_path: Path, kills: int
) -> None:
    """kill -9 at any instant; the next process finds all whole, or clears it away."""
    chance, cut = random.Random(SEED), 0
    for _ in range(kills):
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.killed_writer", tmp_path], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        images = list(kept_images(tmp_path))
        check_whole(images)
        assert len(images) == len(list(tmp_path.glob("*/*.json"))), "a sidecar without its pictures"
        cut += bool(list(tmp_path.glob(f"*/*{UNFINISHED}")))
        opened(tmp_path)
        assert not list(tmp_path.glob(f"*/*{UNFINISHED}"))
    report.add(Finding("F15 killed while writing images", 0, kills, note=f"{cut} times in the middle of one"))
