"""What st_interpreter.py's translated Python is made of: types of Structured Text, and its operations at run time."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

MASKS = {"UINT": 0xFFFF, "WORD": 0xFFFF, "UDINT": 0xFFFF_FFFF}


@dataclass(frozen=True)
class Array:
    first: int
    last: int
    element: Any


@dataclass(frozen=True)
class Structure:
    name: str
    members: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Function:
    inputs: tuple[tuple[str, Any], ...]
    result: str


def at(index: int, first: int, last: int) -> int:
    """Position in the Python list."""
    if not first <= index <= last:
        raise IndexError(f"index {index} outside {first}..{last}")
    return index - first


def converted(value: int, target: str) -> int:
    """A conversion may not lose bits: PLCs differ in what they do then."""
    if not 0 <= value <= MASKS[target]:
        raise OverflowError(f"{value} does not fit {target}")
    return value


def initial(kind: Any) -> Any:
    """The value a variable begins with."""
    if isinstance(kind, Array):
        return [initial(kind.element) for _ in range(kind.first, kind.last + 1)]
    if isinstance(kind, Structure):
        return SimpleNamespace(**{name: initial(member) for name, member in kind.members})
    return False if kind == "BOOL" else 0
