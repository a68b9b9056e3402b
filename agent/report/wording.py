"""What text and HTML say alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from agent.report.figures import Bucket, Outage, PeriodFigures, Report


def percent(rate: float | None) -> str:
    """'91.02 %'; '–' where there is nothing to take a share of."""
    return "–" if rate is None else f"{100 * rate:.2f} %"


def clock(moment: datetime) -> str:
    """Day and time to the second."""
    return f"{moment:%d %b %H:%M:%S}"


def period_title(period: PeriodFigures) -> str:
    """'shift late, 2026-11-27 14:00 to 22:00 CET'."""
    begins, ends = period.begins, period.ends
    until = f"{ends:%H:%M}" if begins.date() == ends.date() else f"{ends:%Y-%m-%d %H:%M}"
    name = f"shift {period.shift}, " if period.shift else ""
    return f"{name}{begins:%Y-%m-%d %H:%M} to {until} {ends:%Z}"


def step(trend: list[Bucket]) -> str:
    """How long a bucket is: '15 min'."""
    length = trend[0].ends - trend[0].begins if trend else timedelta()
    minutes = length / timedelta(minutes=1)
    return f"{minutes:.3g} min" if minutes < 120 else f"{minutes / 60:.3g} h"


def has_trend(report: Report) -> bool:
    """Is there more than one point to draw?"""
    return sum(bucket.counts.parts > 0 for bucket in report.trend) > 1


def outage_line(outage: Outage) -> str:
    """One sentence."""
    since = f"{clock(outage.begins)} to {clock(outage.ends)}" if outage.begins else f"until {clock(outage.ends)}"
    if outage.parts is None:
        return f"{since}: PLC or link began anew; how many parts passed meanwhile is not known"
    return f"{since}: no agent was running; {outage.parts:,} parts without a decision"


def remarks(report: Report) -> Iterator[str]:
    """What a reader must know before any figure."""
    parts, period = report.parts, report.period
    if not period.finished:
        yield f"still running: figures until {report.made:%Y-%m-%d %H:%M:%S}"
    if not parts.all.parts:
        yield "no parts in this time" + ("" if period.finished else ": --shift last is the shift before")
    if report.passed_unproven:
        yield f"{report.passed_unproven:,} parts were passed by the PLC without a PASS"
    if parts.challenges_missed:
        yield f"{parts.challenges_missed:,} challenge parts would have passed: the station did not see a known bad part"
    if parts.simulated:
        yield f"SIMULATED: {parts.simulated:,} of {parts.all.parts:,} parts come from simulated hardware"
    if parts.fail_open:
        yield f"FAIL-OPEN: {parts.fail_open:,} parts were inspected while a dead wire would have let them pass"
    if parts.gaps:
        yield f"{parts.gaps} gaps: PLC or link began anew, parts may have passed unseen"
    if parts.unfinished:
        yield f"{parts.unfinished:,} parts are decided and not yet with the PLC: in no figure"
