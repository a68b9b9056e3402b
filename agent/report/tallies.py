"""How many parts of which kind, by stretches of time: the one pass over all rows that a report needs.

Each stretch is a query of its own, so that no read lasts long: while one does, the writer's log of changes grows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from agent.in_yield import Standing, standing
from agent.report.figures import Counts, Parts
from agent.utc import utc_span

MOST_STRETCHES = 36
STEPS_MIN = (1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 480, 720, 1440)
OF_VERDICT = {"pass": "passed", "reject": "rejected", "no_decision": "no_decision"}


@dataclass(frozen=True)
class Tally:
    """So many rows are alike in all this; the journal's columns."""

    kind: str
    verdict: str
    reason: str
    plc_action: str
    bypass: bool
    challenge: bool
    fail_open: bool
    simulated: bool
    completed: bool
    in_time: bool | None
    late_verdict: str | None
    agent_epoch: int
    job: int
    parts: int
    first: int
    """message_id of one of them."""

    @property
    def standing(self) -> Standing:
        """Do they count in the yield, or why not?"""
        return standing(self.kind, self.challenge, self.bypass)


@dataclass(frozen=True)
class Stretch:
    """A part of the period, UTC, and its rows."""

    begins: datetime
    ends: datetime
    tallies: tuple[Tally, ...]


_COLUMNS = ", ".join(name for name in Tally.__dataclass_fields__ if name not in ("parts", "first"))
_FLAGS = (
    "((agent_epoch << 32) + (job << 16) + (bypass << 8) + (challenge << 7) + (fail_open << 6) + (simulated << 5) "
    "+ (completed << 4) + ifnull(in_time, 2))"
)
_USUAL = "kind = 'inspection' AND verdict = 'pass' AND reason = 'ok' AND plc_action = 'passed' AND late_verdict IS NULL"
_ALIKE = f"""
    CASE WHEN {_USUAL} THEN {_FLAGS}
    ELSE {_FLAGS} || kind || ' ' || verdict || ' ' || reason || ' ' || plc_action || ' ' || ifnull(late_verdict, '') END
"""
"""Rows with the same _COLUMNS have the same: most parts' is one number, which is sorted three times as fast."""
DURING = "decided_utc >= ? AND decided_utc < ?"


def read_stretches(journal: sqlite3.Connection, begins: datetime, ends: datetime) -> list[Stretch]:
    """At most MOST_STRETCHES of equal length, the last one perhaps shorter; times in UTC."""
    minutes = (ends - begins) / timedelta(minutes=1)
    step_min = next((step for step in STEPS_MIN if minutes <= step * MOST_STRETCHES), -(-minutes // MOST_STRETCHES))
    edges, step = [begins], timedelta(minutes=step_min)
    while edges[-1] < ends:
        edges.append(min(edges[-1] + step, ends))
    return [Stretch(*bounds, read_tallies(journal, *bounds)) for bounds in pairwise(edges)]


def read_tallies(journal: sqlite3.Connection, begins: datetime, ends: datetime) -> tuple[Tally, ...]:
    """All rows decided in that time."""
    rows = journal.execute(
        f"SELECT {_COLUMNS}, parts, first FROM inspections JOIN (SELECT count(*) AS parts, min(message_id) AS first "
        f"FROM inspections WHERE {DURING} GROUP BY {_ALIKE}) ON message_id = first",
        utc_span(begins, ends),
    )
    return tuple(Tally(*row) for row in rows)


def parts_of(tallies: Iterable[Tally]) -> Parts:
    """What they come to."""
    rows = [tally for tally in tallies if tally.completed]
    parts = [tally for tally in rows if tally.kind == "inspection"]
    counted = counts(parts, lambda tally: tally.standing == "counts")
    return Parts(
        all=counts(parts, lambda _: True),
        bypassed=counts(parts, lambda tally: tally.standing == "bypass"),
        challenges=counts(parts, lambda tally: tally.standing == "challenge"),
        challenges_missed=sum(tally.parts for tally in parts if tally.challenge and tally.reason == "challenge"),
        counted=counted,
        yield_rate=share(counted.passed, counted.parts),
        reject_rate=share(counted.rejected, counted.parts),
        no_decision_rate=share(counted.no_decision, counted.parts),
        gaps=sum(tally.parts for tally in rows if tally.kind == "gap"),
        fail_open=sum(tally.parts for tally in parts if tally.fail_open),
        simulated=sum(tally.parts for tally in parts if tally.simulated),
        unfinished=sum(tally.parts for tally in tallies if not tally.completed),
    )


def counts(tallies: Iterable[Tally], wanted: Callable[[Tally], bool]) -> Counts:
    """Parts of the wanted ones, by verdict."""
    found = dict.fromkeys(OF_VERDICT.values(), 0)
    for tally in filter(wanted, tallies):
        found[OF_VERDICT[tally.verdict]] += tally.parts
    return Counts(parts=sum(found.values()), **found)


def share(some: int, all_of_them: int) -> float | None:
    """None of nothing."""
    return some / all_of_them if all_of_them else None
