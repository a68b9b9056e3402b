"""How far a subscriber has come, in a file: it goes on from there after its own crash."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ValidationError

from agent.errors import ConfigError, Fault, UsageError
from agent.subscriber.sequencer import Kind, Numbered, Seen, seen

SIZE = 512
"""Bytes: one record, padded, in one sector of the disk; overwritten in place it cannot be torn by a kill."""
SYNC_S = 1.0
"""A power cut of the subscriber's computer takes it back so far: what was handled since then comes again."""


class _Record(BaseModel):
    line: str
    station: str
    kind: Kind
    number: int
    agent_epoch: int
    utc: str


class Position:
    """The file at `path`, for one subscriber at a time; close it when done.

    Raises UsageError when it cannot be had, or belongs to another subscriber; ConfigError when it is damaged.
    """

    def __init__(self, path: Path, kind: Kind) -> None:
        self._path, self._kind = path, kind
        self._synced_s = 0.0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(f"position {path}: {error.strerror}: give a file in a folder you may write") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            record = self._read()
        except BlockingIOError as error:
            os.close(self._file)
            raise UsageError(f"position {path}: another subscriber uses it: give each its own file") from error
        except (ConfigError, UsageError):
            os.close(self._file)
            raise
        self.seen = Seen(record.number, record.agent_epoch, record.utc) if record else None
        """None: nothing has been stored yet."""
        self.station = (record.line, record.station) if record else None
        """(line, station) whose position it is."""

    def store(self, where: Seen, line: str, station: str) -> None:
        """Go on after `where` next time. Raises Fault when that cannot be written down."""
        record = _Record(line=line, station=station, kind=self._kind, number=where.number,
                         agent_epoch=where.agent_epoch, utc=where.utc)  # fmt: skip
        try:
            os.pwrite(self._file, record.model_dump_json().encode().ljust(SIZE - 1) + b"\n", 0)
            self.seen = where
            if time.monotonic() - self._synced_s >= SYNC_S:
                os.fdatasync(self._file)
                self._synced_s = time.monotonic()
        except OSError as error:
            raise Fault(f"position {self._path}: {error.strerror}: what was handled last will come again") from error

    def handled(self, message: Numbered) -> None:
        """Go on after `message` next time."""
        self.store(seen(message), message.line, message.station)

    def close(self) -> None:
        """Let another subscriber have it."""
        with suppress(OSError):
            os.fdatasync(self._file)
        os.close(self._file)

    def _read(self) -> _Record | None:
        text = os.pread(self._file, SIZE + 1, 0)
        if not text:
            return None
        try:
            record = _Record.model_validate_json(text)
        except ValidationError as error:
            raise ConfigError(
                f"position {self._path}: damaged, or no position file: give another, or delete it and begin with since"
            ) from error
        if record.kind != self._kind:
            raise UsageError(
                f"position {self._path}: is one of {record.kind}s, not of {self._kind}s: give another file"
            )
        return record
