"""Which time a report is about, as the command line asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from agent.asked_time import asked_span, sensible
from agent.errors import UsageError
from agent.report.shifts import Shift, Shifts
from agent.results_config import RELATIVE_SHIFTS, ShiftsConfig


@dataclass(frozen=True)
class Period:
    """From `begins` until before `ends`, UTC; `shift`: the one that it is, if it is one."""

    begins: datetime
    ends: datetime
    shift: Shift | None = None

    @classmethod
    def of(cls, shift: Shift) -> Period:
        """The whole of a shift."""
        return cls(shift.begins, shift.ends, shift)

    def before(self, shifts: Shifts) -> Period:
        """The shift before, or as long a time."""
        if self.shift is not None:
            return Period.of(shifts.before(self.shift))
        return Period(self.begins - (self.ends - self.begins), self.begins)


def asked_period(
    config: ShiftsConfig, now: datetime, shift: str | None, day: str | None, begins: str | None, ends: str | None
) -> Period:
    """By default the shift that runs now. Raises UsageError for what makes no sense."""
    if begins is not None or ends is not None:
        if shift is not None or day is not None:
            raise UsageError("give either --shift or --from and --to")
        return _between(begins, ends, now, config.zone)
    shifts = Shifts(config.starts, config.zone)
    return Period.of(_shift(shifts, now, shift, day))


def _shift(shifts: Shifts, now: datetime, name: str | None, day: str | None) -> Shift:
    if name is None or name in RELATIVE_SHIFTS:
        if day is not None:
            raise UsageError(f"--date {day}: which shift of it? give --shift {' or '.join(shifts.names)}")
        current = shifts.at(now)
        return shifts.before(current) if name == "last" else current
    if name not in shifts.names:
        raise UsageError(f"--shift {name}: no such shift: this station has {', '.join(shifts.names)}; or current, last")
    found = shifts.newest(name, now) if day is None else shifts.named(name, _day(day))
    if found.begins > now:
        raise UsageError(f"--shift {name} --date {day} has not begun yet: leave --date out for the newest one")
    return found


def _between(begins: str | None, ends: str | None, now: datetime, zone: ZoneInfo) -> Period:
    if begins is None:
        raise UsageError("--to without --from: give both, or --from alone for all since then")
    first, last = asked_span(("--from", "--to"), begins, ends, now, zone)
    assert first is not None
    if first >= now:
        why = "is not before now" if last is None else "is yet to come"
        raise UsageError(f"--from {begins} {why}: give a time that has been")
    return Period(first, last or now)


def _day(text: str) -> date:
    try:
        return sensible(date.fromisoformat(text))
    except ValueError as error:
        raise UsageError(f"--date {text}: no day: give it as 2026-03-01") from error
