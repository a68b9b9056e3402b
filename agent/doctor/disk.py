"""The disk of the state folder: of the right kind, with room for what the station keeps, and how fast it syncs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent.archive.check import archive_warnings
from agent.archive.kept_images import archive_folder
from agent.archive.layout import days, files
from agent.archive.store import size_bytes
from agent.doctor.looking import NotKnown, looked
from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right, unknown, wrong
from agent.mounts import OF_THE_KERNEL, disk_gb, mounted, nearest, same_disk
from agent.results_config import GB

LAYERS = {"overlay"}
"""A container's own layer: it goes with the container."""
SYNCS, SYNC_BYTES = 30, 4096
SLOW_MS, HUNG_MS = 30.0, 250.0
"""A disk of a line computer syncs in 1 to 10 ms; a journal that is `required` waits for it, and a checkpoint too."""
SHARE_OF_INODES = 0.05
LEAST_FREE_GB = 1.0
"""Whatever the file says: log, temporary files and the system need some."""


def examine_disk(subject: Subject) -> Iterator[Finding]:
    """Nothing is left behind there."""
    config = subject.config
    folder = nearest(config.station.state_dir)
    yield looked("kind", lambda: check_kind(folder, subject.root))
    yield looked("room", lambda: _check_room(subject, folder))
    for warning in archive_warnings(config):
        yield doubtful("archive", warning, "see docs/results.md")
    if subject.running:
        yield unknown("sync", "skipped: the station runs, and would wait for it: see rows waiting under station")
    else:
        yield looked("sync", lambda: _check_sync(subject, folder))


def check_kind(folder: Path, root: Path = Path("/")) -> Finding:
    """What lies there must survive a restart, and be locked and mapped as SQLite does."""
    mount = mounted(folder, root)
    if mount is None:
        raise NotKnown(f"no mount holds {folder}")
    if "ro" in mount.options:
        return wrong("kind", f"{mount}, read-only", "see dmesg for a disk error, then mount it writable")
    if mount.kind in OF_THE_KERNEL:
        return wrong("kind", f"{mount}, the kernel's", "nobody can keep files there: use a disk")
    if mount.trouble:
        return doubtful("kind", str(mount), mount.trouble)
    if mount.kind in LAYERS:
        return doubtful("kind", str(mount), "it goes with the container: mount a volume at [station] state_dir")
    return right("kind", str(mount))


def _check_room(subject: Subject, folder: Path) -> Finding:
    """Free, against what journal and archive may still grow to."""
    config = subject.config
    disk = os.statvfs(folder)
    free_gb = disk.f_bavail * disk.f_frsize / GB
    needed_gb = max(0.0, config.journal.max_gb - _size_gb(config.station.journal))
    told = f"journal may grow by {needed_gb:.1f}"
    if config.archive and same_disk(archive_folder(config), folder):
        room_gb = max(0.0, config.archive.max_gb - _archive_gb(archive_folder(config))) + config.archive.min_free_gb
        needed_gb, told = needed_gb + room_gb, f"{told}, archive by {room_gb:.1f} with its reserve"
    subject.figures["disk_free_gb"] = round(free_gb, 3)
    text = f"{free_gb:.1f} of {disk_gb(folder):.1f} GB free; {told} GB"
    if free_gb < LEAST_FREE_GB:
        return wrong("room", text, "free the disk: rows and images are lost when it is full")
    if disk.f_files and disk.f_favail < SHARE_OF_INODES * disk.f_files:
        return doubtful("room", f"{text}; {disk.f_favail} of {disk.f_files} inodes free", "delete small files")
    if free_gb < needed_gb:
        return doubtful("room", text, "it will be full before their limits hold: a larger disk, or smaller "
                        "journal.max_gb and archive.max_gb")  # fmt: skip
    return right("room", text)


def _check_sync(subject: Subject, folder: Path) -> Finding:
    times_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            begun_ns = time.monotonic_ns()
            file.write(os.urandom(SYNC_BYTES))
            file.flush()
            os.fsync(file.fileno())
            times_ms.append((time.monotonic_ns() - begun_ns) / 1e6)
    spread = subject.note("disk_sync_ms", times_ms)
    assert spread is not None
    text = f"{SYNC_BYTES} bytes and fsync {spread}"
    remedy = "see what else writes (iotop), and the disk's health (smartctl); an SD card is too slow"
    if spread.p99 > HUNG_MS:
        return wrong("sync", text, remedy)
    if spread.p99 > SLOW_MS:
        return doubtful("sync", text, remedy)
    return right("sync", text)


def _size_gb(path: Path) -> float:
    return path.stat().st_size / GB if path.exists() else 0.0


def _archive_gb(folder: Path) -> float:
    """Whatever a station that runs deletes meanwhile."""
    return sum(size_bytes(entry) for day in days(folder) for entry in files(folder / day)) / GB
