"""What can go wrong, as a tree; the class decides the exit code (DESIGN §3.6).

LinegateError
├── Fault         1   lost while running: exit and let systemd restart us clean
│   └── CameraMissing     not there, or busy: waited for at start
├── UsageError    2   bad arguments on the command line
└── ConfigError  78   bad configuration, model or data: stay down until somebody mends it
NoDecision            not an exit: this one part could not be inspected (carries the reason)
└── OutOfStep         nor can the next ones, until somebody has cleared the belt
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.inspection import Reason

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EPIPE, errno.EIO)


class LinegateError(Exception):
    """An error that a person can act on: the message says what, where and how to mend it."""

    exit_code = 1


class Fault(LinegateError):
    """Something that worked is lost (camera, PLC map, GPU): exit 1, restart me."""


class CameraMissing(Fault):
    """No such camera, no answer yet, or somebody else holds it: at start it is waited for."""


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


class OutOfStep(NoDecision):
    """Camera and PLC count differently: no part can be inspected until somebody has cleared the belt."""

    def __init__(self, detail: str) -> None:
        super().__init__(Reason.FRAME_MISMATCH, detail)


def in_words(error: OSError) -> str:
    """What the system says, as a part of a sentence."""
    return (error.strerror or str(error)).lower()


def first_line(error: BaseException) -> str:
    """As much of what it says as one line holds; its name when it says nothing, as MemoryError does."""
    said = str(error).strip()
    return said.splitlines()[0][:160] if said else type(error).__name__


def print_error(error: LinegateError) -> None:
    """One line on stderr."""
    print(f"error: {error}", file=sys.stderr)


@contextmanager
def exit_on_error(tell: Callable[[LinegateError], None] = print_error) -> Iterator[None]:
    """Turn a LinegateError into one line, by `tell`, and its exit code."""
    try:
        yield
    except LinegateError as error:
        tell(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


@contextmanager
def exit_when_output_breaks() -> Iterator[None]:
    """A full disk or a closed pipe behind stdout is one line on stderr and exit 1, at once or at the end."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:  # it is closed from the start, and nobody listens
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes it once more
        print(f"error: output cannot be written: {os.strerror(error.errno or 0).lower()}", file=sys.stderr)
        sys.exit(1)
