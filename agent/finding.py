"""What a look at something has found: right, doubtful or wrong, and for what is not right how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """DOUBTFUL: a station works with it, but somebody should look. UNKNOWN: it could not be looked at from here."""

    RIGHT = "right"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One line for a person."""

    subject: str
    level: Level
    seen: str
    remedy: str = ""


def right(subject: str, seen: str) -> Finding:
    """As it must be."""
    return Finding(subject, Level.RIGHT, seen)


def doubtful(subject: str, seen: str, remedy: str) -> Finding:
    """Works, but should be looked at."""
    return Finding(subject, Level.DOUBTFUL, seen, remedy)


def wrong(subject: str, seen: str, remedy: str) -> Finding:
    """No station can work with this."""
    return Finding(subject, Level.WRONG, seen, remedy)


def unknown(subject: str, why: str, remedy: str = "") -> Finding:
    """Nobody can say from here; never taken for right."""
    return Finding(subject, Level.UNKNOWN, why, remedy)
