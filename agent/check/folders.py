"""Where a station writes: may it, will it last, is it its own, is there room."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from agent.archive.check import archive_warnings
from agent.archive.kept_images import archive_folder
from agent.check.findings import Findings
from agent.config import Config
from agent.results_config import GB

IN_MEMORY = {"tmpfs", "ramfs"}
OVER_THE_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"}
OF_THE_KERNEL = {"proc", "sysfs"}
MOUNTS = Path("/proc/self/mounts")


def check_state_dir(folder: Path, findings: Findings) -> None:
    """Journal and agent epoch: what they need of the folder, as far as it shows before it is used."""
    key = "station.state_dir"
    try:
        there = nearest(folder)
        if not there.is_dir():
            findings.error(key, f"{there} is no folder: name one that the station can make and write to")
            return
        owner = there.stat().st_uid
    except OSError as error:
        findings.error(key, f"{folder}: {(error.strerror or str(error)).lower()}: name another folder")
        return
    if folder == there and not os.access(there, os.W_OK | os.X_OK) and owner in (0, os.geteuid()):
        findings.error(key, f"belongs to {_name_of(owner)} and cannot be written: chown it to the station's user")
    kind = file_system(there)
    if kind in OF_THE_KERNEL:
        findings.error(key, f"{there} is the kernel's ({kind}), nobody can write there: use a disk")
    if kind in IN_MEMORY:
        findings.warn(key, f"{there} is in memory ({kind}): record and agent epoch end with the power: use a disk")
    if kind in OVER_THE_NETWORK:
        findings.warn(key, f"{there} is on the network ({kind}), where SQLite's WAL is not safe: use a local disk")


def check_room(config: Config, findings: Findings, has_archive: bool) -> None:
    """Do the record and the images that may be kept fit the disk?"""
    if has_archive and config.archive is not None:
        key = "archive.folder" if config.archive.folder else "archive"
        for warning in archive_warnings(config):
            findings.warn("archive.max_gb" if "archive.max_gb" in warning else key, warning)
    there = nearest(config.station.state_dir)
    disk_gb, wanted_gb = _size_gb(there), config.journal.max_gb
    if wanted_gb > disk_gb:
        findings.warn(
            "journal.max_gb",
            f"{wanted_gb:g} GB is more than the disk of {there} has, {disk_gb:.1f} GB: make it less, or the disk is "
            "full before the oldest rows go",
        )
    elif has_archive and config.archive is not None and _one_disk(there, nearest(archive_folder(config))):
        images_gb = config.archive.max_gb + config.archive.min_free_gb
        if images_gb <= disk_gb < wanted_gb + images_gb:
            findings.warn(
                "archive.max_gb",
                f"journal.max_gb = {wanted_gb:g} and archive.max_gb + archive.min_free_gb = {images_gb:g} are more "
                f"than their disk has, {disk_gb:.1f} GB: images go sooner than archive.max_gb says",
            )


def nearest(path: Path) -> Path:
    """What is there of it already. Raises OSError where that cannot be told."""
    return next(path for path in (path, *path.parents) if os.path.lexists(path))


def file_system(path: Path) -> str:
    """Its kind, as "ext4"; "" where it is not known."""
    place, found, best = str(path.resolve()), "", ""
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mounted, kind, *_ = line.split(" ")
        mounted = mounted.replace("\\040", " ")
        if len(mounted) >= len(best) and (place == mounted or place.startswith(mounted.rstrip("/") + "/")):
            best, found = mounted, kind
    return found


def _size_gb(folder: Path) -> float:
    disk = os.statvfs(folder)
    return disk.f_blocks * disk.f_frsize / GB


def _one_disk(folder: Path, other: Path) -> bool:
    return folder.stat().st_dev == other.stat().st_dev


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
