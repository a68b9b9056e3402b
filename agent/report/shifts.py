"""When shifts begin and end, by the clock on the wall of the station's time zone. Pure.

A shift begins at the first instant of its day at which that clock shows its start or later, and lasts until the next
one begins. So shifts tile time, whatever the clock does: a night in which it is put back is an hour longer, a start
that happens twice counts the first time, and one that is leapt over is when the clock leaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Shift:
    """One shift: from `begins` until before `ends`, both UTC; `day` is the one on which it begins."""

    name: str
    day: date
    begins: datetime
    ends: datetime


class Shifts:
    """`starts`: the time of day at which each shift begins, by its name."""

    def __init__(self, starts: Mapping[str, time], zone: ZoneInfo) -> None:
        self._starts = sorted((start, name) for name, start in starts.items())
        self._zone = zone

    @property
    def names(self) -> list[str]:
        """As the day has them."""
        return [name for _, name in self._starts]

    def of(self, day: date) -> list[Shift]:
        """All that begin on `day`, in order; one whose time the clock leaps over lasts no time."""
        begins = [first_instant(datetime.combine(day, start), self._zone) for start, _ in self._starts]
        ends = [*begins[1:], first_instant(datetime.combine(day + DAY, self._starts[0][0]), self._zone)]
        return [
            Shift(name, day, *bounds) for name, bounds in zip(self.names, zip(begins, ends, strict=True), strict=True)
        ]

    def at(self, instant: datetime) -> Shift:
        """The one that runs at `instant`."""
        today = instant.astimezone(self._zone).date()
        return next(shift for shift in self.of(today - DAY) + self.of(today) if shift.begins <= instant < shift.ends)

    def before(self, shift: Shift) -> Shift:
        """The one that ended when `shift` began."""
        return self.at(shift.begins - MOMENT)

    def named(self, name: str, day: date) -> Shift:
        """The one of that name which begins on `day`."""
        return self.of(day)[self.names.index(name)]

    def newest(self, name: str, now: datetime) -> Shift:
        """Of those with that name the one that began last: it may still run."""
        today = now.astimezone(self._zone).date()
        begun = [
            shift for day in (today - 2 * DAY, today - DAY, today) if (shift := self.named(name, day)).begins <= now
        ]
        return begun[-1]


def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """UTC of the first instant at which the clock of `zone` shows `wall` (without a zone) or later."""
    late = wall.replace(tzinfo=zone).astimezone(UTC)
    if _shows(late, zone) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # the clock leaps over `wall` between these two
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=int((late - early).total_seconds()) // 2)
        early, late = (early, middle) if _shows(middle, zone) >= wall else (middle, late)
    return late


def _shows(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
