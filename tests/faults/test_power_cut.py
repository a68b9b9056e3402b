"""F16: the power fails. Whatever part of the unsynced writes has reached the disk, the journal opens whole.

The model is stricter than disks are: each unsynced write may be there or not, in any order, or in part.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.agent_epoch import next_agent_epoch
from agent.journal.file import open_journal
from agent.journal.ids import ids_beside
from agent.journal.journal import Journal
from tests.conftest import ROOT
from tests.faults.disk import FILES, Disk, build_disk, read_log
from tests.faults.report import Finding, Report
from tests.faults.sizes import SEED, sized
from tests.results.records import identity, inspect, rows_of

PUBLISHED = "journal.sqlite.published"


@dataclass(frozen=True)
class Cut:
    """The files that are left, and what must be true of them."""

    files: dict[str, bytes]
    synced_rows: int
    """So many rows were synced to the disk before."""
    row: int
    event: int
    epoch: int
    """The newest of each that anybody was told of."""


@sized(("cuts", "rows"), (50, 150), (1000, 600))
def test_f16_a_power_cut_takes_the_newest_rows_and_nothing_else(
    report: Report, tmp_path: Path, cuts: int, rows: int
) -> None:
    """No damage, no row torn, none missing that was synced, no id given again, no agent epoch twice."""
    log = written_log(tmp_path, rows)
    lost = []
    for cut in power_cuts(log, cuts, random.Random(SEED)):
        with TemporaryDirectory(dir="/dev/shm") as memory:  # what is left needs no syncs of a true disk
            lost.append(check(cut, Path(memory)))
    assert len(lost) == cuts
    assert any(lost), "no cut took a row: the model cuts nothing"
    report.add(Finding("F16 power cut", rows, cuts, note=f"at most {max(lost)} rows lost, none of them synced"))


def written_log(folder: Path, rows: int) -> Path:
    """Everything that a writing journal does to its disk."""
    library, log, disk = build_disk(folder), folder / "disk.log", folder / "state"
    disk.mkdir()
    environment = os.environ | {"LD_PRELOAD": str(library), "DISK_LOG": str(log), "DISK_FILES": FILES}
    writer = [sys.executable, "-m", "tests.faults.power_cut_writer", str(disk), str(rows)]
    subprocess.run(writer, cwd=ROOT, env=environment, check=True)
    return log


def power_cuts(log: Path, cuts: int, chance: random.Random) -> Iterator[Cut]:
    """At instants spread over the whole of the log, from when the journal was open."""
    changes = list(read_log(log))
    opened = next(at for at, change in enumerate(changes) if change.data == b"open 0\n")
    instants = set(chance.sample(range(opened + 1, len(changes)), cuts))
    disk, told, at_sync = Disk(), {"row": 0, "event": 0, "epoch": 0, "open": 0}, 0
    synced = 0
    for at, change in enumerate(changes):
        if change.name == PUBLISHED:
            what, number = change.data.decode().split()
            told[what] = int(number)
        else:
            disk.take(change)
        if change.name == "journal.sqlite-wal" and change.op in "be":
            at_sync, synced = (told["row"], synced) if change.op == "b" else (at_sync, at_sync)
        if at in instants:
            yield Cut(disk.cut(chance), synced, told["row"], told["event"], told["epoch"])


def check(cut: Cut, folder: Path) -> int:
    """Start as after the cut; how many rows that subscribers have seen are gone."""
    for name, content in cut.files.items():
        (folder / name).write_bytes(content)
    path = folder / "journal.sqlite"
    another_boot(ids_beside(path))
    opened = open_journal(path)
    opened.db.close()
    assert not opened.trouble
    left = rows_of(path)
    assert [row["message_id"] for row in left] == list(range(1, len(left) + 1))
    assert all(row["trigger_seq"] == row["message_id"] and json.loads(str(row["evidence"])) == {} for row in left)
    assert len(left) >= cut.synced_rows
    journal = Journal(path, replace(identity(), agent_epoch=2), 5000, required=False)
    inspect(journal, 60_000)
    journal.close()
    assert int(str(rows_of(path)[-1]["message_id"])) > cut.row, "an id was given again"
    assert opened.ids.given["events"] >= cut.event
    assert next_agent_epoch(folder) > cut.epoch
    return max(0, cut.row - len(left))


def another_boot(path: Path) -> None:
    """As the computer finds it when it has started again."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boot": "another"}))
