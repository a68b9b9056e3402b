"""One thing that is wrong, or doubtful, in a station's files, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = 3
"""So many problems fit the one line that the journal gets."""


@dataclass(frozen=True)
class Problem:
    """`line`: from 1. `key`: dotted, as the file has it; "" = the file as a whole. `text` holds the remedy."""

    file: Path
    line: int
    key: str
    text: str
    is_error: bool = True

    def __str__(self) -> str:
        """FILE:LINE: key: what is wrong: how to mend it; a text that names the key itself is not given it twice."""
        return f"{self.file}:{self.line}: {self.message}"

    @property
    def message(self) -> str:
        return self.text if self.key in self.text else f"{self.key}: {self.text}"


def in_one_line(problems: Sequence[Problem]) -> str:
    """All of one file, as far as one line can hold them; each with its place."""
    first, *more = sorted(problems, key=lambda problem: problem.line)
    told = [str(first), *(f"line {problem.line}: {problem.message}" for problem in more[: SHOWN - 1])]
    if len(problems) > SHOWN:
        told.append(f"and {len(problems) - SHOWN} more, which `linegate check` lists")
    return "; ".join(told)
