"""The scripted station on a slow disk: while the file `slow` lies beside SCRIPT, each write of an image takes 200 ms.

`python -m tests.faults.slow_archive_station CONFIG SCRIPT`
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from agent.archive import store
from tests.faults import scripted_station

WRITE_S = 0.2


class SlowOs:
    """The `os` that the archive writes by."""

    def __init__(self, slow: Path) -> None:
        self._slow = slow

    def open(self, path: Path, flags: int, mode: int) -> int:
        """As the real one, later."""
        if self._slow.exists():
            time.sleep(WRITE_S)
        return os.open(path, flags, mode)

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


if __name__ == "__main__":
    script = Path(sys.argv[2])
    store.os = SlowOs(script.with_name("slow"))  # type: ignore[assignment]
    scripted_station.main(Path(sys.argv[1]), script)
