"""A time as somebody asks for it: so long ago, or by the clock on the station's wall."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from agent.errors import UsageError
from agent.report.period import local_time

_AGO = re.compile(r"(\d{1,6})([dhm])", re.ASCII)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def moment(option: str, text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """UTC. `text`: 7d, 12h, 30m, or ISO 8601 date or time. Raises UsageError."""
    ago = _AGO.fullmatch(text)
    if ago is None:
        return local_time(option, text, zone)
    try:
        return (now - int(ago[1]) * _UNITS[ago[2]]).astimezone(UTC)
    except OverflowError as error:
        raise UsageError(f"{option} {text}: the calendar does not go back so far: leave it out for all") from error
