"""One period of one station, read from its journal beside the running station, or from a copy."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.config import Config
from agent.errors import ConfigError
from agent.journal.history import reading
from agent.report.defects import Defects
from agent.report.figures import Latencies, PeriodFigures, PlcFigures, ReasonFigures, Report
from agent.report.happenings import read_happenings, read_outages, read_used
from agent.report.latency import read_latencies
from agent.report.period import Period
from agent.report.pictures import pick_pictures
from agent.report.shifts import Shifts
from agent.report.tallies import Stretch, Tally, parts_of, read_stretches
from agent.report.trend import trend_of

VERDICTS = ("pass", "reject", "no_decision")
READABLE_FROM = 4
"""The first version of the journal that has all columns."""


def make_report(config: Config, path: Path, period: Period, now: datetime) -> Report:
    """`path`: the journal. What lies after `now` is not there yet. Raises ConfigError."""
    with reading(path) as journal:
        journal.row_factory = None
        found = journal.execute("PRAGMA user_version").fetchone()[0]
        if found < READABLE_FROM:
            raise ConfigError(f"journal {path} is of version {found}: a start of the station brings it up to date")
        return _make(config, journal, path, period, now)


def _make(config: Config, journal: sqlite3.Connection, path: Path, period: Period, now: datetime) -> Report:
    zone = config.shifts.zone
    begins, ends = period.begins, max(min(period.ends, now), period.begins)
    before = period.before(Shifts(config.shifts.starts, zone))
    stretches = read_stretches(journal, begins, ends)
    tallies = _tallies(stretches)
    defects = Defects()
    for stretch in stretches:
        defects.read(journal, stretch.begins, stretch.ends)
    classes = defects.pareto()
    ranking = [figures.name for figures in classes]
    looked_at, stages = read_latencies(journal, begins, ends)
    happenings, happenings_in_all = read_happenings(journal, begins, ends, zone)
    pictures, missing = pick_pictures(config, journal, begins, ends, defects, ranking)
    done = [tally for tally in tallies if tally.completed and tally.kind == "inspection"]
    return Report(
        line=config.station.line,
        station=config.station.name,
        made=now.astimezone(zone).replace(microsecond=0),
        journal=str(path),
        period=_figures(period, zone, now),
        parts=parts_of(tallies),
        before=_figures(before, zone, now),
        parts_before=parts_of(_tallies(read_stretches(journal, before.begins, before.ends))),
        classes=classes,
        heat_map=defects.heat_map(ranking),
        latencies=Latencies(
            parts_looked_at=looked_at,
            stages=stages,
            acknowledged_late=sum(tally.parts for tally in done if tally.in_time == 0),
            decided_late=sum(tally.parts for tally in done if tally.late_verdict is not None),
        ),
        reasons=_reasons(done),
        plc=_plc(done),
        passed_unproven=sum(tally.parts for tally in done if _unproven(tally)),
        outages=read_outages(journal, tallies, zone),
        happenings=happenings,
        happenings_in_all=happenings_in_all,
        trend=trend_of(stretches, zone),
        used=read_used(journal, tallies, begins, ends),
        pictures=pictures,
        pictures_missing=missing,
    )


def _tallies(stretches: Iterable[Stretch]) -> list[Tally]:
    return [tally for stretch in stretches for tally in stretch.tallies]


def _figures(period: Period, zone: ZoneInfo, now: datetime) -> PeriodFigures:
    return PeriodFigures(
        shift=period.shift.name if period.shift else None,
        day=period.shift.day if period.shift else None,
        begins=period.begins.astimezone(zone),
        ends=period.ends.astimezone(zone),
        finished=period.ends <= now,
        time_zone=zone.key,
    )


def _reasons(done: Iterable[Tally]) -> list[ReasonFigures]:
    """Rejects first, the commonest reason of each verdict first."""
    parts: Counter[tuple[str, str]] = Counter()
    for tally in done:
        if tally.standing == "counts" and tally.verdict != "pass":
            parts[tally.verdict, tally.reason] += tally.parts
    totals = Counter({verdict: sum(n for (of, _), n in parts.items() if of == verdict) for verdict, _ in parts})
    return [
        ReasonFigures(verdict="reject" if verdict == "reject" else "no_decision", reason=reason, parts=n,
                      share=n / totals[verdict])
        for (verdict, reason), n in sorted(parts.items(), key=lambda item: (item[0][0] != "reject", -item[1]))
    ]  # fmt: skip


def _plc(done: Iterable[Tally]) -> list[PlcFigures]:
    parts: Counter[tuple[str, str]] = Counter()
    for tally in done:
        parts[tally.verdict, tally.plc_action] += tally.parts
    return [
        PlcFigures.model_validate({"verdict": verdict, "action": action, "parts": n})
        for (verdict, action), n in sorted(parts.items(), key=lambda item: (VERDICTS.index(item[0][0]), -item[1]))
    ]


def _unproven(tally: Tally) -> bool:
    """As Closed.passed_unproven."""
    return tally.plc_action == "passed" and tally.verdict != "pass" and tally.standing != "bypass"
