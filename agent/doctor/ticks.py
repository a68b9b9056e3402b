"""Where the processors' time has gone, as /proc/stat counts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent.doctor.looking import peek


@dataclass(frozen=True)
class Times:
    """Ticks of all processors since the computer's start, in all and stolen."""

    total: int
    stolen: int


def times_of(root: Path) -> Times | None:
    """None where /proc/stat cannot be read. Format: proc(5)."""
    for line in peek(root / "proc/stat").splitlines():
        if line.startswith("cpu "):
            ticks = [int(field) for field in line.split()[1:9]]
            return Times(sum(ticks), ticks[7])
    return None
