"""Where lines go: the file behind stderr, or journald's own socket, so that every field can be searched for."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from typing import Any

from logging_journald import JournaldTransport

from agent.log.fields import Fields

Sink = Callable[[Fields], None]
"""Takes one line; may block for ever, or raise OSError when it is lost."""


def to_file(descriptor: int, formatted: Callable[[Fields], str]) -> Sink:
    """Not through `sys.stderr`: a thread that hangs in there with its lock would abort the interpreter's end."""

    def write(fields: Fields) -> None:
        left = memoryview(f"{formatted(fields)}\n".encode(errors="backslashreplace"))
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:  # somebody else has made it non-blocking
                select.select([], [descriptor], [])

    return write


def to_journald(transport: JournaldTransport) -> Sink:
    """By its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL); a field may have several values."""

    def write(fields: Fields) -> None:
        transport.send([("SYSLOG_IDENTIFIER", "linegate"), *_pairs(fields)])

    return write


def _pairs(fields: Fields) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one if isinstance(one, int) else str(one).encode(errors="backslashreplace").decode()
