"""Shifts tile time without gap or overlap, whatever the clock on the wall does."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.report.shifts import Shifts, first_instant

BERLIN = ZoneInfo("Europe/Berlin")
THREE = {"early": time(6), "late": time(14), "night": time(22)}
ZONES = (
    *("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"),
    "Africa/Cairo",
)
"""Half hours, leaps at midnight, half an hour of summer time, and a day that never was."""


def starts() -> st.SearchStrategy[dict[str, time]]:
    minutes = st.sets(st.integers(0, 24 * 60 - 1), min_size=1, max_size=6)
    return minutes.map(lambda found: {f"s{minute}": time(minute // 60, minute % 60) for minute in found})


@given(starts(), st.sampled_from(ZONES), st.datetimes(datetime(1995, 1, 1), datetime(2037, 1, 1)))
def test_shifts_tile_time(named: dict[str, time], zone: str, naive: datetime) -> None:
    shifts, instant = Shifts(named, ZoneInfo(zone)), naive.replace(tzinfo=UTC)
    shift = shifts.at(instant)
    assert shift.begins <= instant < shift.ends
    assert shifts.at(shift.begins) == shift
    after, before = shifts.at(shift.ends), shifts.before(shift)
    assert (before.ends, after.begins) == (shift.begins, shift.ends), "no gap, no overlap"
    assert shifts.newest(shift.name, instant) == shift
    assert shifts.named(shift.name, shift.day) == shift


@given(starts(), st.sampled_from(ZONES), st.dates(date(1995, 1, 1), date(2037, 1, 1)))
def test_the_shifts_of_a_day_follow_each_other_into_the_next(named: dict[str, time], zone: str, day: date) -> None:
    shifts = Shifts(named, ZoneInfo(zone))
    days = shifts.of(day) + shifts.of(day + timedelta(days=1))
    assert all(shift.begins <= shift.ends for shift in days)
    assert all(shift.ends == after.begins for shift, after in pairwise(days))


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 6, 1), 8)])
def test_the_night_in_which_the_clock_is_changed(day: tuple[int, int, int], hours: int) -> None:
    night = Shifts(THREE, BERLIN).named("night", date(*day))
    assert night.ends - night.begins == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("wall", "begins"),
    [
        ("2026-03-29T02:30", "2026-03-29T01:00"),  # leapt over: when the clock leaps
        ("2026-03-29T03:00", "2026-03-29T01:00"),
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # twice: the first
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_a_start_that_is_leapt_over_or_happens_twice(wall: str, begins: str) -> None:
    assert first_instant(datetime.fromisoformat(wall), BERLIN) == datetime.fromisoformat(begins).replace(tzinfo=UTC)


def test_a_shift_that_the_clock_leaps_over_lasts_no_time_and_nothing_belongs_to_it() -> None:
    shifts = Shifts({"a": time(2, 10), "b": time(2, 50), "c": time(12)}, BERLIN)
    a, b, _ = shifts.of(date(2026, 3, 29))
    assert a.begins == a.ends == b.begins
    assert shifts.at(b.begins) == b
    assert shifts.before(b).name == "c"


def test_one_shift_alone_is_a_whole_day() -> None:
    day = Shifts({"day": time(0)}, BERLIN).named("day", date(2026, 10, 25))
    assert day.ends - day.begins == timedelta(hours=25)
