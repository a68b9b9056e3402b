"""One record of Python's logging as the fields that every format shows: the names are the journal's."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from agent.errors import LinegateError
from agent.log.about import FIELDS, known

Fields = dict[str, Any]
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""syslog(3): crit, err, warning, info; below it is debug."""
DEEPEST = 4
"""So many places of a traceback go into the line itself."""


def to_fields(record: logging.LogRecord) -> Fields:
    """MESSAGE is one line whatever it was made of. An error's TRACEBACK is a field of its own."""
    fields = {
        "TIME": utc(record.created),
        "PRIORITY": next((priority for level, priority in PRIORITIES if record.levelno >= level), 7),
        "MESSAGE": record.getMessage(),
        "LOGGER": record.name,
        "THREAD": record.threadName,
        **known(),
        **getattr(record, FIELDS, {}),
    }
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        fields |= {"ERROR": _in_short(error), "TRACEBACK": "".join(traceback.format_exception(error))}
        if not isinstance(error, LinegateError):  # which has said it all
            raised = list(traceback.walk_tb(error.__traceback__))[::-1]
            fields["MESSAGE"] += f": {fields['ERROR']} ({places(raised)})"
    return fields | {"MESSAGE": one_line(fields["MESSAGE"])}


def utc(created_s: float) -> str:
    """ISO 8601, ms. `created_s`: since 1970."""
    return datetime.fromtimestamp(created_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def places(innermost_first: Iterable[tuple[FrameType, int]]) -> str:
    """Where it happened and who called that: "segmenter.py:157 _run ← station.py:92 _inspect". Reads no source file."""
    return " ← ".join(
        f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}"
        for frame, line in islice(innermost_first, DEEPEST)
    )


def one_line(text: str) -> str:
    """Whoever sent us this text: it cannot forge a line of its own, nor paint the terminal."""
    lines = "; ".join(line.strip() for line in text.splitlines() if line.strip())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in lines)


def _in_short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
