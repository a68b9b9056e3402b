"""What else was in that time: outages, alarms, commands; and what was in use."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.report.figures import Happening, Outage, Used
from agent.report.tallies import DURING, Tally
from agent.utc import moment_of, utc_span

MOST_HAPPENINGS = 200
CHANGED = "kind IN ('model', 'recipe') AND what IN ('swapped', 'rolled_back', 'reloaded')"
USED = "model_sha256, recipe, recipe_sha256, job"


def read_outages(journal: sqlite3.Connection, tallies: Iterable[Tally], zone: ZoneInfo) -> list[Outage]:
    """Each start at which the journal was found to have missed something; times local."""
    missed: dict[tuple[str, int], list[Tally]] = defaultdict(list)
    for tally in tallies:
        if tally.reason == "agent_down":
            missed[tally.kind, tally.agent_epoch].append(tally)
    outages = []
    for (kind, _), rows in missed.items():
        first = min(tally.first for tally in rows)
        until = journal.execute("SELECT decided_utc FROM inspections WHERE message_id = ?", (first,)).fetchone()
        before = journal.execute(
            "SELECT decided_utc FROM inspections WHERE message_id < ? ORDER BY message_id DESC LIMIT 1", (first,)
        ).fetchone()
        outages.append(
            Outage(
                kind="gap" if kind == "gap" else "agent_down",
                begins=_local(before[0], zone) if before else None,
                ends=_local(until[0], zone),
                parts=None if kind == "gap" else sum(tally.parts for tally in rows),
            )
        )
    return sorted(outages, key=lambda outage: outage.ends)


def read_happenings(
    journal: sqlite3.Connection, begins: datetime, ends: datetime, zone: ZoneInfo
) -> tuple[list[Happening], int]:
    """(the newest, oldest of them first; how many there are in all); times local."""
    where = "FROM events WHERE utc >= ? AND utc < ?"
    count = journal.execute(f"SELECT count(*) {where}", utc_span(begins, ends)).fetchone()[0]
    rows = journal.execute(
        f"SELECT utc, kind, what, who, detail {where} ORDER BY event_id DESC LIMIT {MOST_HAPPENINGS}",
        utc_span(begins, ends),
    ).fetchall()
    return [
        Happening(time=_local(utc, zone), kind=kind, what=what, who=who, detail=detail)
        for utc, kind, what, who, detail in reversed(rows)
    ], count


def read_used(journal: sqlite3.Connection, tallies: Iterable[Tally], begins: datetime, ends: datetime) -> list[Used]:
    """Models and recipes; where none was swapped, an agent has one model from start to end, and one recipe a job."""
    during = utc_span(begins, ends)
    if journal.execute(f"SELECT 1 FROM events WHERE utc >= ? AND utc < ? AND {CHANGED} LIMIT 1", during).fetchone():
        rows = journal.execute(
            f"SELECT {USED}, count(*) AS parts FROM inspections WHERE {DURING} AND kind = 'inspection' "
            f"AND reason <> 'agent_down' GROUP BY {USED} ORDER BY parts DESC",
            during,
        )
        return [_used(row[:4], row[4]) for row in rows]
    used: Counter[tuple[str, str, str, int]] = Counter()
    for tally in tallies:
        if tally.kind == "inspection" and tally.reason != "agent_down":
            row = journal.execute(f"SELECT {USED} FROM inspections WHERE message_id = ?", (tally.first,)).fetchone()
            used[tuple(row)] += tally.parts
    return [_used(what, count) for what, count in used.most_common()]


def _used(what: tuple[str, str, str, int], parts: int) -> Used:
    model, recipe, recipe_sha256, job = what
    return Used(model_sha256=model, recipe=recipe, recipe_sha256=recipe_sha256, job=job, parts=parts)


def _local(utc: str, zone: ZoneInfo) -> datetime:
    return moment_of(utc).astimezone(zone)
