"""A file system of a few megabytes that can be filled by a neighbour, made read-only, and emptied again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

NEIGHBOUR = "neighbour.log"


class SmallDisk:
    """A tmpfs at `path`, mounted while the `with` lasts. Skips the test where that is not allowed."""

    def __init__(self, path: Path, size_mb: float) -> None:
        self.path, self._size_mb = path, size_mb

    def __enter__(self) -> Self:
        self.path.mkdir(parents=True, exist_ok=True)
        size = f"size={int(self._size_mb * 2**20)}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", size, "linegate-test", self.path],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"no tmpfs can be mounted here, it takes root: {done.stderr.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", self.path], check=True)

    def fill(self) -> None:
        """Another program writes until nothing fits any more."""
        with (self.path / NEIGHBOUR).open("ab", buffering=0) as neighbour:
            for nbytes in (65536, 4096):
                try:
                    while True:
                        neighbour.write(os.urandom(nbytes))
                except OSError:
                    continue

    def free(self) -> None:
        """Its file is deleted."""
        (self.path / NEIGHBOUR).unlink()

    def make_read_only(self) -> None:
        """As the kernel does after an error of the device."""
        self._remount("ro")

    def make_writable(self) -> None:
        """Somebody has mended it."""
        self._remount("rw")

    def _remount(self, flag: str) -> None:
        # it is refused while a file is open for writing: a station closes its own every few milliseconds
        for _ in range(2000):
            done = subprocess.run(["mount", "-o", f"remount,{flag}", self.path], capture_output=True, check=False)
            if done.returncode == 0:
                return
        raise AssertionError(f"cannot be remounted: {done.stderr.decode().strip()}")
