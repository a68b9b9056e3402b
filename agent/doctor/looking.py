"""How a check looks at this computer: files below a root, and programs that answer in time or not at all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from agent.errors import in_words
from agent.finding import Finding, unknown

ANSWER_S = 5.0
"""systemctl and nvidia-smi answer within a second; one that hangs shall not hold the doctor up."""


class NotKnown(Exception):
    """It cannot be seen from here; says why."""


def looked(subject: str, check: Callable[[], Finding]) -> Finding:
    """What `check` finds; not known where it cannot look."""
    try:
        return check()
    except NotKnown as why:
        return unknown(subject, f"not known: {why}")
    except OSError as error:
        return unknown(subject, f"not known: {error.filename or subject}: {in_words(error)}")


def read(path: Path) -> str:
    """A file's text without the white space around it. Raises OSError."""
    return path.read_text(encoding="utf-8", errors="replace").strip()


def peek(path: Path) -> str:
    """As `read`; "" where it cannot be read: not every computer has every file."""
    try:
        return read(path)
    except OSError:
        return ""


def status_kb(root: Path, pid: int, name: str) -> int:
    """A figure of a process, as VmLck; 0 where it is not told. `root`: where proc is. Format: proc(5)."""
    lines = peek(root / f"proc/{pid}/status").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


def answer(*command: str, within_s: float = ANSWER_S, good: tuple[int, ...] = (0,)) -> str:
    """What a program prints. Raises NotKnown when it is not there, fails or does not end in time."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=within_s,
            check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise NotKnown(f"no program '{command[0]}' here") from error
    except subprocess.TimeoutExpired as error:
        raise NotKnown(f"'{command[0]}' has not answered within {within_s:g} s") from error
    except OSError as error:
        raise NotKnown(f"'{command[0]}': {in_words(error)}") from error
    if done.returncode not in good:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[0]
        raise NotKnown(f"'{' '.join(command[:2])}' says: {said}")
    return done.stdout
