"""The file system that a folder lies in, and what that means for what a station keeps there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from agent.results_config import GB

FORGETFUL = {"tmpfs", "ramfs"}
REMOTE = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "glusterfs"}
"""SQLite's log needs shared memory and locks that these do not give: https://sqlite.org/wal.html."""
OF_THE_KERNEL = {"proc", "sysfs"}
"""Nobody can keep a file there."""


@dataclass(frozen=True)
class Mount:
    """`kind`: as "ext4". `options`: as "rw", "noatime"."""

    point: str
    kind: str
    options: frozenset[str]

    def __str__(self) -> str:
        return f"{self.kind} at {self.point}"

    @property
    def trouble(self) -> str:
        """What becomes of a record that is kept there, with the remedy; "" where nothing does."""
        if self.kind in FORGETFUL:
            return "it is memory: journal and agent epoch end with the power; on a line use a disk"
        if self.kind in REMOTE:
            return "it is on the network, where SQLite's log is not safe: the journal can tear; use a local disk"
        return ""


def nearest(path: Path) -> Path:
    """Itself, or what of the way to it is there already: where a station would make it."""
    return next(there for there in (path, *path.parents) if os.path.lexists(there))


def mounted(folder: Path, root: Path = Path("/")) -> Mount | None:
    """What `folder` lies in; None where that is not known. `root`: where proc is. Format: proc(5). Raises OSError."""
    best: Mount | None = None
    path = str(folder.resolve())
    for line in (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        fields, kind = left.split(), right.split()[:1]
        if len(fields) < 6 or not kind:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and (best is None or len(point) >= len(best.point)):  # of two at one point the later covers the other
            best = Mount(point, kind[0], frozenset(fields[5].split(",")))
    return best


def disk_gb(folder: Path) -> float:
    """The size of the disk that `folder` lies on, however full. Raises OSError."""
    disk = os.statvfs(folder)
    return disk.f_blocks * disk.f_frsize / GB


def same_disk(one: Path, other: Path) -> bool:
    """Would they take room from each other? False where that cannot be seen."""
    try:
        return nearest(one).stat().st_dev == nearest(other).stat().st_dev
    except OSError:
        return False
