"""Where a station's log lines go, decided once at its start; and its last line."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from types import TracebackType
from typing import Literal

from logging_journald import JournaldTransport, check_journal_stream

from agent.errors import ConfigError, LinegateError
from agent.log.about import about
from agent.log.formats import json_line, prefixed_line, text_line
from agent.log.happening import Happening
from agent.log.last_words import flush
from agent.log.outlet import Outlet
from agent.log.sinks import Sink, to_file, to_journald

Format = Literal["text", "json"]
STDERR = 2

log = logging.getLogger(__name__)


def open_log(wanted: Format) -> None:
    """Every line goes to stderr as `wanted` from now on; where that is the journal, text goes with all its fields."""
    if sys.stderr is None:  # closed from the start: the next file that is opened must not be taken for it
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDERR)
        sys.stderr = open(STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - it stays open
    root = logging.getLogger()
    root.addHandler(Outlet(_sink(wanted)))
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _crash
    faulthandler.enable()  # a library that crashes, or a watchdog's SIGABRT: where every thread was


def tell_end(error: LinegateError) -> None:
    """Why the process ends, as all commands say it: the last line. What lies behind a fault is a field of it."""
    flush()
    if isinstance(error, ConfigError):
        log.error("error: %s", error, extra=about(Happening.BAD_CONFIG))
    else:
        log.error("error: %s", error, exc_info=error if error.__cause__ else None, extra=about(Happening.FAULT))


def _sink(wanted: Format) -> Sink:
    in_journal = check_journal_stream()
    if wanted == "json":
        return to_file(STDERR, prefixed_line if in_journal else json_line)
    if in_journal:
        return to_journald(JournaldTransport(connected=False))
    coloured = os.isatty(STDERR) and "NO_COLOR" not in os.environ
    return to_file(STDERR, lambda fields: text_line(fields, coloured))


def _crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """In the main thread, and not foreseen: Python ends the process with exit code 1."""
    log.critical("unexpected", exc_info=(kind, error, trace), extra=about(Happening.CRASH))
