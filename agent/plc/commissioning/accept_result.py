"""What came of one step of an acceptance run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from agent.plc.commissioning.accept_mistakes import Mistake
from agent.plc.commissioning.accept_record import Part
from agent.plc.decision import MS


class State(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Failure:
    """What was seen, and which mistake in the PLC program is likely behind it."""

    seen: str
    mistake: Mistake


@dataclass
class Result:
    """Filled while the step runs."""

    key: str
    title: str
    done: str
    expected: str
    state: State = State.PASSED
    seen: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    parts: list[dict[str, Any]] = field(default_factory=list)

    def saw(self, text: str) -> None:
        """For the report."""
        self.seen.append(text)

    def fail(self, seen: str, mistake: Mistake) -> None:
        """The step has failed; it may find more."""
        self.state = State.FAILED
        self.failures.append(Failure(seen, mistake))

    def check(self, good: bool, seen: str, mistake: Mistake) -> bool:
        """Fail unless `good`."""
        if not good:
            self.fail(seen, mistake)
        return good

    def skip(self, why: str) -> None:
        """It, or the rest of it, was not run; the text says why."""
        self.state = State.NOT_RUN if self.state is State.PASSED else self.state
        self.saw(why)

    def add_part(self, part: Part, said: str) -> None:
        """A row of the report's table of parts."""
        self.parts.append({
            "plc_epoch": part.epoch,
            "seq": part.seq,
            "part_id": part.part_id,
            "said": said,
            "confirmed_ms": round((part.said_ns - part.seen_ns) / MS, 2) if part.said_ns else None,
            "decided_ms": part.decided_ms,
            "outcomes": [outcome.name.lower() for outcome in part.outcomes],
        })  # fmt: skip


class Skipped(Exception):
    """An operator's action did not take place; the message says why."""


Counts = tuple[int, int, int]
"""Passed, rejected, no decision."""


class Counting(Protocol):
    """Who can read the PLC's own counters."""

    def counts(self) -> Counts | None:
        """None: nobody has."""
        ...


Asks = Callable[[str, Callable[[], bool]], None]
"""`ask(what to do at the PLC, is it to be seen yet?)` returns when it is seen, or raises Skipped."""
