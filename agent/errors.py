"""What can go wrong, as a tree; the class decides the exit code (DESIGN §3.6).

LinegateError
├── Fault         1   lost while running: exit and let systemd restart us clean
├── UsageError    2   bad arguments on the command line
└── ConfigError  78   bad configuration, model or data: stay down until somebody mends it
NoDecision            not an exit: this one part could not be inspected (carries the reason)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from agent.inspection import Reason


class LinegateError(Exception):
    """An error that a person can act on: the message says what, where and how to mend it."""

    exit_code = 1


class Fault(LinegateError):
    """Something that worked is lost (camera, PLC map, GPU): exit 1, restart me."""


class UsageError(LinegateError):
    """Bad arguments: exit 2."""

    exit_code = 2


class ConfigError(LinegateError):
    """Bad configuration, model, recipe or data: exit 78, stay down."""

    exit_code = 78


class NoDecision(Exception):
    """This part could not be inspected; never a PASS, and the station goes on."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail or reason.name.lower())
        self.reason = reason


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Turn a LinegateError into one line on stderr and its exit code."""
    try:
        yield
    except LinegateError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
