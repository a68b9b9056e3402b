"""A disk that fails on demand, is slow, or tells what was written to it (disk.c); and a power cut, made from that."""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("disk.c")
SECTOR = 512
FILES = "journal.sqlite,agent_epoch"


def build_disk(folder: Path) -> Path:
    """The library for LD_PRELOAD, compiled into `folder`."""
    library = folder / "disk.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
    return library


@dataclass(frozen=True)
class Change:
    """One record of DISK_LOG: w write, t truncate, b/e a sync begins/ends, r rename to `data`; "/" is the folder."""

    op: str
    name: str
    offset: int
    data: bytes


def read_log(path: Path) -> Iterator[Change]:
    """All that a process has done, in order."""
    log, at = path.read_bytes(), 0
    while at < len(log):
        op, length = struct.unpack_from("<cH", log, at)
        name = log[at + 3 : at + 3 + length].decode()
        offset, size = struct.unpack_from("<QI", log, at + 3 + length)
        begin = at + 15 + length
        yield Change(op.decode(), name, offset, log[begin : begin + size])
        at = begin + size


@dataclass
class Disk:
    """What has surely reached the disk, and what may have."""

    sure: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[str, list[Change]] = field(default_factory=dict)
    renames: list[Change] = field(default_factory=list)
    _begun: dict[str, list[int]] = field(default_factory=dict)
    """How much was pending when each sync under way began."""

    def take(self, change: Change) -> None:
        """The next that the process has done. The rollback journal is gone before the first row is written."""
        if change.name.endswith("-journal"):
            return
        if change.op == "r":
            self.renames.append(change)
        elif change.op == "b":
            waiting = self.renames if change.name == "/" else self.pending.get(change.name, [])
            self._begun.setdefault(change.name, []).append(len(waiting))
        elif change.op == "e":
            self._synced(change.name)
        else:
            self.pending.setdefault(change.name, []).append(change)

    def _synced(self, name: str) -> None:
        """Whatever was written while the sync ran may still be missing."""
        count, *others = self._begun[name]
        self._begun[name] = [other - count for other in others]
        if name == "/":
            for rename in self.renames[:count]:
                self._rename(self.sure, rename)
            del self.renames[:count]
            return
        for change in self.pending.get(name, [])[:count]:
            apply(self.sure.setdefault(name, bytearray()), change)
        del self.pending.get(name, [])[:count]

    def _rename(self, files: dict[str, bytearray], rename: Change) -> None:
        if rename.name in files:
            files[rename.data.decode()] = files.pop(rename.name)

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """The files as they may be found after the power failed now: any part of what was not synced is there."""
        files = {name: bytearray(content) for name, content in self.sure.items()}
        for name, changes in self.pending.items():
            share = chance.choice((0.0, 0.5, 0.9, 1.0))
            for change in changes:
                if chance.random() < share:
                    apply(files.setdefault(name, bytearray()), torn(change, chance))
        for rename in self.renames[: chance.randint(0, len(self.renames))]:
            self._rename(files, rename)
        return {name: bytes(content) for name, content in files.items()}


def torn(change: Change, chance: random.Random) -> Change:
    """Now and then only some sectors of a write arrive."""
    if change.op != "w" or chance.random() > 0.1:
        return change
    keep = SECTOR - change.offset % SECTOR + SECTOR * chance.randint(0, len(change.data) // SECTOR)
    return Change("w", change.name, change.offset, change.data[:keep])


def apply(content: bytearray, change: Change) -> None:
    """Write or truncate."""
    if change.op == "t":
        content[:] = content[: change.offset].ljust(change.offset, b"\0")
        return
    end = change.offset + len(change.data)
    content.extend(bytes(max(0, end - len(content))))
    content[change.offset : end] = change.data
