"""The clocks of one process, set at will while it runs (clocks.c)."""

from __future__ import annotations

import mmap
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
_BYTES = 16


class Clocks:
    """Built and kept in `folder`; a process that is started with `environment` goes by them."""

    def __init__(self, folder: Path) -> None:
        library, offsets = folder / "clocks.so", folder / "clocks.ns"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", library, SOURCE, "-ldl"], check=True)
        offsets.write_bytes(bytes(_BYTES))
        with offsets.open("r+b") as file:
            self._offsets = mmap.mmap(file.fileno(), _BYTES)
        self.environment = {"LD_PRELOAD": str(library), "LINEGATE_CLOCKS": str(offsets)}

    @property
    def ahead_s(self) -> float:
        """By how much the wall clock is ahead of the true one."""
        return int(struct.unpack_from("q", self._offsets, 0)[0]) / 1e9

    def step(self, seconds: float) -> None:
        """Somebody sets the wall clock ahead, or back."""
        struct.pack_into("q", self._offsets, 0, round((self.ahead_s + seconds) * 1e9))

    def sleep(self, seconds: float) -> None:
        """So long the computer was suspended: CLOCK_MONOTONIC has stood still, the others have not."""
        (slept_ns,) = struct.unpack_from("q", self._offsets, 8)
        struct.pack_into("q", self._offsets, 8, slept_ns + round(seconds * 1e9))
