"""A time as a command line asks for it: so long ago, or by the clock on the station's wall."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from agent.errors import UsageError

Day = TypeVar("Day", bound=date)
_AGO = re.compile(r"(\d{1,6})([dhm])", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def asked_span(
    options: tuple[str, str], begins: str | None, ends: str | None, now: datetime, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    """Both as `asked_time`, None = not asked for. Raises UsageError, too, when the first is not before the second."""
    first = asked_time(options[0], begins, now, zone) if begins is not None else None
    last = asked_time(options[1], ends, now, zone) if ends is not None else None
    if first and last and first >= last:
        raise UsageError(f"{options[0]} {begins} is not before {options[1]} {ends}: turn them round")
    return first, last


def asked_time(option: str, text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """UTC. `text`: 7d, 12h, 30m, or ISO 8601, which without an offset is local time. Raises UsageError."""
    ago = _AGO.fullmatch(text)
    if ago is None:
        return _local_time(option, text, zone)
    try:
        return (now - int(ago[1]) * _UNITS[ago[2]]).astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"{option} {text}: the calendar does not go back so far: leave it out for all") from error


def sensible(day: Day) -> Day:
    """Calendars end somewhere, and near there nothing can be reckoned with. Raises ValueError."""
    if not 1970 < day.year < 2200:
        raise ValueError
    return day


def _local_time(option: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        found = sensible(datetime.fromisoformat(text))
    except ValueError as error:
        raise UsageError(f"{option} {text}: no time: give 2026-03-01T06:00, or how long ago: 7d, 12h, 30m") from error
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    first, second = (found.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != found:
        raise UsageError(f"{option} {text}: the clock leaps over it in {zone.key}: give a time before or after")
    raise UsageError(
        f"{option} {text} happens twice in {zone.key}: add the offset you mean, "
        f"{text}{_offset(first)} or {text}{_offset(second)}"
    )


def _offset(moment: datetime) -> str:
    return moment.isoformat()[-6:]
