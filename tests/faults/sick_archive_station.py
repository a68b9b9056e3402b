"""The scripted station on a sick disk: each write of an image takes 200 ms, or fails as a device does.

While a file `slow`, or `broken`, lies beside SCRIPT.

`python -m tests.faults.sick_archive_station CONFIG SCRIPT`
"""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

from agent.archive import store
from tests.faults import scripted_station

WRITE_S = 0.2


class SickDisk:
    """The `os` that the archive writes by."""

    def __init__(self, beside: Path) -> None:
        self._slow, self._broken = beside.with_name("slow"), beside.with_name("broken")

    def open(self, path: Path, flags: int, mode: int) -> int:
        """As the real one, later or never."""
        if self._slow.exists():
            time.sleep(WRITE_S)
        if self._broken.exists():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.open(path, flags, mode)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


if __name__ == "__main__":
    script = Path(sys.argv[2])
    store.os = SickDisk(script)  # type: ignore[assignment]
    scripted_station.main(Path(sys.argv[1]), script)
