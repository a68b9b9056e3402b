"""What a process takes of the computer, as the kernel tells it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MB = 1_000_000


@dataclass(frozen=True)
class Sample:
    """One look at one process; taking it does not hold the process up."""

    at_s: float
    """Since the soak's start."""
    rss_mb: float
    descriptors: int
    threads: int


def look(pid: int, at_s: float) -> Sample | None:
    """None: it has ended."""
    of = Path(f"/proc/{pid}")
    try:
        rss_mb = int((of / "statm").read_text().split()[1]) * PAGE_BYTES / MB
        return Sample(at_s, rss_mb, len(os.listdir(of / "fd")), len(os.listdir(of / "task")))
    except (OSError, IndexError):
        return None


def shares_mb(pid: int) -> dict[str, float]:
    """Memory in detail, in MB: `pss` counts what is shared by its share, `uss` what would be free if it ended.

    The kernel walks all of the memory for it: not oftener than once a minute.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    kb = {name: float(rest.split()[0]) for name, rest in (line.split(":", 1) for line in lines)}
    uss = kb["Private_Clean"] + kb["Private_Dirty"]
    return {name: round(value * 1024 / MB, 2) for name, value in (("pss", kb["Pss"]), ("uss", uss))}


def size_mb(path: Path) -> float:
    """Of a file, or of all in a folder; 0 when there is none."""
    total = path.stat().st_size if path.is_file() else 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):  # the archive has let it go meanwhile
                total += os.lstat(os.path.join(folder, name)).st_size
    return round(total / MB, 2)
