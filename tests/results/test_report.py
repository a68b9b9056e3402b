"""What a report says is what the journal holds, counted once and told apart."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.errors import ConfigError, LinegateError, UsageError
from agent.journal.file import open_writer
from agent.journal.history import open_reader
from agent.report import latency
from agent.report.figures import Counts, Report, json_schema
from agent.report.period import Period, asked_period
from agent.report.report import make_report
from agent.report.run import run_report
from agent.report.tallies import read_stretches, read_tallies
from agent.results_config import ShiftsConfig
from tests.conftest import ROOT, Linegate
from tests.results.histories import BEGINS, defect, station, write_event, write_history
from tests.results.records import inspect, journal_at

NOW = BEGINS + timedelta(hours=20)
HOUR = timedelta(hours=1)
CLEAN: dict[str, Any] = {}
REJECT = {"verdict": "reject", "defects": [defect("crack")]}
UNDECIDED = {"verdict": "no_decision"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return station(tmp_path)


@pytest.fixture
def path(config: Config) -> Path:
    return config.station.state_dir / "journal.sqlite"


def report_of(config: Config, path: Path, day: str = "2026-03-02", now: datetime = NOW) -> Report:
    return make_report(config, path, asked_period(config.shifts, now, "late", day, None, None), now)


# --- parts -----------------------------------------------------------------------------------------------------------


def test_parts_add_up_and_what_says_nothing_of_the_product_is_out_of_yield(config: Config, path: Path) -> None:
    write_history(
        path,
        *[CLEAN] * 6,
        *[REJECT] * 3,
        UNDECIDED,
        CLEAN | {"bypass": 1},
        REJECT | {"bypass": 1, "plc_action": "passed"},
        REJECT | {"challenge": 1, "reason": "challenge_rejected"},
        REJECT | {"challenge": 1, "reason": "challenge", "bypass": 1},
        CLEAN | {"simulated": 1, "fail_open": 1},
        UNDECIDED | {"kind": "gap", "reason": "agent_down"},
        CLEAN | {"completed": 0},
    )
    parts = report_of(config, path).parts
    assert parts.all == Counts(parts=15, passed=8, rejected=6, no_decision=1)
    assert parts.counted == Counts(parts=11, passed=7, rejected=3, no_decision=1)
    assert parts.bypassed == Counts(parts=2, passed=1, rejected=1)
    assert (parts.challenges, parts.challenges_missed) == (Counts(parts=2, rejected=2), 1)
    assert (parts.gaps, parts.fail_open, parts.simulated, parts.unfinished) == (1, 1, 1, 1)
    assert parts.yield_rate == pytest.approx(7 / 11)
    assert parts.reject_rate == pytest.approx(3 / 11)


def test_rows_that_differ_in_anything_are_counted_apart(config: Config, path: Path) -> None:
    """The quick grouping against the plain one."""
    choices = {
        "verdict": ("pass", "reject"), "reason": ("ok", "defect"), "plc_action": ("passed", "unknown"),
        "bypass": (0, 1), "challenge": (0, 1), "fail_open": (0, 1), "simulated": (0, 1), "completed": (0, 1),
        "in_time": (0, 1, None), "late_verdict": (None, "pass"), "agent_epoch": (1, 2), "job": (1, 2),
    }  # fmt: skip
    rows = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())][::2]
    write_history(path, *rows, *rows[::7])
    with open_reader(path) as reader:
        reader.row_factory = None
        found = read_tallies(reader, BEGINS, BEGINS + 9 * HOUR)
    counted = {tuple(getattr(tally, name) for name in choices): tally.parts for tally in found}
    assert counted == Counter(tuple(row.values()) for row in [*rows, *rows[::7]])


def test_a_shift_takes_what_was_decided_in_it_and_the_one_before_is_for_comparison(config: Config, path: Path) -> None:
    """14:00 to 22:00 in Berlin; its first moment is in, its last is not."""
    last = BEGINS + 8 * HOUR
    moments = (BEGINS - timedelta(milliseconds=1), BEGINS, last - timedelta(milliseconds=1), last)
    write_history(path, *[CLEAN | {"at": moment} for moment in moments], REJECT | {"at": BEGINS - HOUR})
    report = report_of(config, path)
    assert report.parts.all.parts == 2
    assert report.period.begins.isoformat() == "2026-03-02T14:00:00+01:00"
    assert (report.before.shift, report.parts_before.all.parts, report.parts_before.yield_rate) == ("early", 2, 0.5)


def test_a_journal_without_parts_is_a_report_that_says_so(config: Config, path: Path) -> None:
    write_history(path)
    report = report_of(config, path)
    assert (report.parts.all.parts, report.parts.yield_rate, report.classes, report.heat_map) == (0, None, [], None)


def test_what_runs_still_is_reported_until_now(config: Config, path: Path) -> None:
    write_history(path, *[CLEAN] * 10)
    report = report_of(config, path, now=BEGINS + timedelta(minutes=30))
    assert not report.period.finished
    assert report.trend[-1].ends == BEGINS + timedelta(minutes=30)


# --- defects ---------------------------------------------------------------------------------------------------------


def test_pareto_counts_rejects_once_a_class_and_leaves_out_what_did_not_count(config: Config, path: Path) -> None:
    write_history(
        path,
        CLEAN | {"defects": [defect("fray", 9.0)]},  # tolerated
        REJECT | {"defects": [defect("crack", 1.0), defect("crack", 3.0), defect("break", 7.0)]},
        REJECT | {"defects": [defect("crack", 2.0), defect("break", 99.0, counts=False)]},
        REJECT | {"defects": [defect("break", 5.0)]},
        REJECT | {"defects": [], "reason": "reject_all"},
        REJECT | {"defects": [defect("fray")], "challenge": 1},
    )
    classes = report_of(config, path).classes
    assert [(c.name, c.parts, c.defects, c.share, c.cumulative) for c in classes] == [
        ("break", 2, 2, 0.5, 0.5),
        ("crack", 2, 3, 0.5, 0.75),
    ]
    assert [(c.median_area_mm2, c.worst_area_mm2) for c in classes] == [(6.0, 7.0), (2.0, 3.0)]


def test_heat_map_puts_every_defect_into_the_cell_where_it_lies(config: Config, path: Path) -> None:
    points = [(-3.2, 0.0), (20.0, 10.1), (20.0, 10.1), (4.0, 4.0)]
    write_history(path, *[REJECT | {"defects": [defect("crack", x_mm=x, y_mm=y)]} for x, y in points])
    heat = report_of(config, path).heat_map
    assert heat is not None
    assert (heat.columns, heat.rows) == (len(heat.all[0]), len(heat.all))
    for x_mm, y_mm in points:
        column, row = int((x_mm - heat.x_mm) / heat.cell_mm), int((y_mm - heat.y_mm) / heat.cell_mm)
        assert heat.by_class["crack"][row][column] == points.count((x_mm, y_mm))
    assert sum(map(sum, heat.all)) == len(points)
    assert 12 <= max(heat.columns, heat.rows) <= 25


# --- latencies, reasons, PLC -----------------------------------------------------------------------------------------


def test_latencies_of_all_parts_or_of_an_even_sample(
    config: Config, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_history(
        path,
        *[CLEAN | {"latencies_ms": {"run": float(ms)}, "in_time": int(ms > 3)} for ms in range(1, 101)],
        UNDECIDED | {"latencies_ms": {}, "late_verdict": "pass", "acknowledged_ns": None},
    )
    latencies = report_of(config, path).latencies
    stages = {stage.stage: stage for stage in latencies.stages}
    run = stages["run"]
    assert (run.median_ms, run.max_ms, run.n, stages["write"].median_ms, stages["total"].median_ms) == (
        50.5, 100.0, 100, 2.0, 52.0,
    )  # fmt: skip
    assert (latencies.acknowledged_late, latencies.decided_late, latencies.parts_looked_at) == (3, 1, 101)
    monkeypatch.setattr(latency, "SAMPLE", 11)
    sampled = report_of(config, path).latencies
    assert (sampled.parts_looked_at, sampled.acknowledged_late) == (10, 3)
    assert sampled.stages[0].max_ms == pytest.approx(91, abs=10), "spread over the whole time"


def test_the_sample_is_even_where_ids_leap(config: Config, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they do after a power cut."""
    rows = [{"message_id": number if number < 50 else 10**12 + number} for number in range(1, 101)]
    write_history(path, *rows)
    monkeypatch.setattr(latency, "SAMPLE", 20)
    assert report_of(config, path).latencies.parts_looked_at == 20


def test_why_parts_did_not_pass_and_what_the_plc_did(config: Config, path: Path) -> None:
    write_history(
        path,
        CLEAN,
        *[UNDECIDED | {"reason": "deadline"}] * 3,
        UNDECIDED,
        REJECT | {"plc_action": "passed"},
        REJECT | {"plc_action": "passed", "bypass": 1},
        REJECT | {"plc_action": "passed", "bypass": 1, "challenge": 1},
    )
    report = report_of(config, path)
    assert [(r.verdict, r.reason, r.parts, r.share) for r in report.reasons] == [
        ("reject", "defect", 1, 1.0),
        ("no_decision", "deadline", 3, 0.75),
        ("no_decision", "frame_timeout", 1, 0.25),
    ]
    assert ("reject", "passed", 3) in [(p.verdict, p.action, p.parts) for p in report.plc]
    assert report.passed_unproven == 2, "bypass is leave, but not for a challenge part"


# --- what else happened ----------------------------------------------------------------------------------------------


def test_outages_events_and_what_was_in_use(config: Config, path: Path) -> None:
    down = UNDECIDED | {"reason": "agent_down", "plc_action": "unknown", "agent_epoch": 2}
    restart = BEGINS + timedelta(minutes=5)
    write_history(
        path,
        *[CLEAN] * 3,
        *[down | {"at": restart}] * 4,
        CLEAN | {"agent_epoch": 2, "at": restart, "model_sha256": "ef" * 32},
        down | {"agent_epoch": 3, "kind": "gap", "at": restart + HOUR},
    )
    write_event(path, "command", "pause", "R. Diaz")
    write_event(path, "alarm", "DRIFT", utc=BEGINS - HOUR)
    report = report_of(config, path)
    assert [(o.kind, o.parts, o.ends) for o in report.outages] == [
        ("agent_down", 4, restart),
        ("gap", None, restart + HOUR),
    ]
    assert report.outages[0].begins == BEGINS + timedelta(seconds=2), "the newest row before"
    assert [(h.kind, h.what, h.who) for h in report.happenings] == [("command", "pause", "R. Diaz")]
    assert {(used.model_sha256[:2], used.parts) for used in report.used} == {("ab", 3), ("ef", 1)}


def test_trend_adds_up_and_an_hour_out_of_control_is_marked(config: Config, path: Path) -> None:
    rows = [
        (REJECT if number % 10 == 0 or 200 <= number < 220 else CLEAN) | {"at": BEGINS + timedelta(minutes=number)}
        for number in range(480)
    ]
    write_history(path, *rows)
    report = report_of(config, path)
    assert sum(bucket.counts.parts for bucket in report.trend) == report.parts.counted.parts == 480
    beyond = [bucket for bucket in report.trend if bucket.beyond_limits]
    assert {f"{bucket.begins:%H:%M}" for bucket in beyond} == {"17:15", "17:30"}
    assert all(bucket.reject_rate > (bucket.upper_limit or 1) for bucket in beyond)  # type: ignore[operator]


# --- beside the station ----------------------------------------------------------------------------------------------


def test_the_report_holds_no_read_open_that_would_let_the_log_grow(config: Config, path: Path) -> None:
    write_history(path, *[CLEAN] * 50)
    writer = open_writer(path)
    with open_reader(path) as reader:
        reader.row_factory = None
        assert len(read_stretches(reader, BEGINS, BEGINS + 8 * HOUR)) > 20
        writer.execute("UPDATE inspections SET detail = 'x'")
        busy, *_ = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    writer.close()
    assert busy == 0


def test_it_is_read_while_the_station_writes(config: Config, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    journal = journal_at(path)
    writing = threading.Thread(target=lambda: inspect(journal, *range(1, 301)))
    writing.start()
    seen = []
    while writing.is_alive() or not seen:
        now = datetime.now(UTC)
        parts = make_report(config, path, Period(now - HOUR, now), now).parts
        seen.append(parts.all.parts)
        assert parts.all.parts == parts.all.passed
    writing.join()
    now = datetime.now(UTC) + HOUR
    assert make_report(config, path, Period(now - 2 * HOUR, now), now).parts.all.parts == 300
    assert seen == sorted(seen)
    journal.close()


def test_a_copy_is_read_where_nobody_may_write(config: Config, path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    source = sqlite3.connect(write_history(path, CLEAN))
    source.execute("VACUUM INTO ?", (str(copy),))
    source.close()
    copy.chmod(0o444)
    assert report_of(config, copy).parts.all.parts == 1


def test_an_old_or_missing_journal_is_one_line(config: Config, path: Path) -> None:
    with pytest.raises(ConfigError, match="give the journal of a station that has run"):
        report_of(config, path)
    write_history(path)
    old = sqlite3.connect(path)
    old.execute("PRAGMA user_version = 3")
    old.close()
    with pytest.raises(ConfigError, match="version 3: a start of the station brings it up to date"):
        report_of(config, path)


# --- the command line ------------------------------------------------------------------------------------------------

SHIFTS = ShiftsConfig.model_validate(
    {"time_zone": "Europe/Berlin", "starts": {"early": "06:00", "late": "14:00", "night": "22:00"}}
)


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        ((None, None, None, None), "2026-03-03T06:00"),  # the one that runs
        (("current", None, None, None), "2026-03-03T06:00"),
        (("last", None, None, None), "2026-03-02T22:00"),
        (("early", None, None, None), "2026-03-03T06:00"),
        (("late", None, None, None), "2026-03-02T14:00"),
        (("late", "2026-03-01", None, None), "2026-03-01T14:00"),
        ((None, None, "2026-03-01T05:00", None), "2026-03-01T05:00"),
        ((None, None, "2026-03-01T05:00Z", "2026-03-01T06:00Z"), "2026-03-01T06:00"),
        ((None, None, "12h", None), (NOW - timedelta(hours=12)).astimezone(SHIFTS.zone).strftime("%Y-%m-%dT%H:%M")),
        ((None, None, "2025-10-26T02:30+01:00", "2025-10-26T04:00"), "2025-10-26T02:30"),
    ],
)
def test_which_time_is_meant(asked: tuple[str | None, ...], begins: str) -> None:
    period = asked_period(SHIFTS, NOW, *asked)
    assert f"{period.begins.astimezone(SHIFTS.zone):%Y-%m-%dT%H:%M}" == begins


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (("noon", None, None, None), "no such shift: this station has early, late, night; or current, last"),
        (("late", "2026-02-30", None, None), "no day: give it as 2026-03-01"),
        (("late", "9999-12-31", None, None), "no day"),
        (("late", "2026-03-05", None, None), "has not begun yet"),
        ((None, "2026-03-01", None, None), "which shift of it? give --shift early or late or night"),
        (("late", None, "2026-03-01", None), "give either --shift or --from and --to"),
        ((None, None, None, "2026-03-01"), "--to without --from"),
        ((None, None, "yesterday", None), "no time: give 2026-03-01T06:00"),
        ((None, None, "0001-01-01", None), "no time"),
        ((None, None, "2026-03-02", "2026-03-01"), "is not before --to"),
        ((None, None, "2027-01-01", None), "is not before now"),
        ((None, None, "2027-01-01", "2027-01-02"), "is yet to come"),
        ((None, None, "2026-03-29T02:30", None), "the clock leaps over it in Europe/Berlin"),
        ((None, None, "2026-10-25T02:30", None), "2026-10-25T02:30+02:00 or 2026-10-25T02:30+01:00"),
    ],
)
def test_a_time_that_makes_no_sense_is_one_line(asked: tuple[str | None, ...], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        asked_period(SHIFTS, NOW, *asked)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("starts", "complaint"),
    [
        ({"a": "06:00", "b": "06:00"}, "two shifts begin at the same time"),
        ({"last": "06:00"}, "cannot be called 'last'"),
        ({"a": "25:00"}, "hours and minutes, as '06:00'"),
        ({}, "at least 1 item"),
    ],
)
def test_shifts_that_could_not_be_told_apart(starts: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ShiftsConfig.model_validate({"starts": starts})


def test_json_on_the_command_line_is_the_committed_schema(config: Config, path: Path, linegate: Linegate) -> None:
    write_history(path, CLEAN, REJECT, UNDECIDED)
    result = linegate("report", path.parent.parent / "line.toml", "--shift", "late", "--date", "2026-03-02", "--json")
    assert result.returncode == 0, result.stderr
    report = Report.model_validate_json(result.stdout)
    assert report.parts == report_of(config, path).parts
    committed = (ROOT / "config" / "schemas" / "linegate.report-1.json").read_text()
    assert committed == _pretty(json_schema()), "write it anew, and count the minor version up"


def test_the_terminal_shows_the_same_figures(
    config: Config, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_history(path, *[CLEAN] * 1200, *[REJECT] * 34, UNDECIDED, *[REJECT | {"plc_action": "passed"}] * 2)
    run_report(path.parent.parent / "line.toml", ("late", "2026-03-02", None, None), None, False, None)
    said = capsys.readouterr().out
    assert "97.01 %" in said
    assert "passed without a PASS: 2" in said
    assert all(len(line) <= 80 for line in said.splitlines())
    with pytest.raises(LinegateError, match="either --json or --html"):
        run_report(path.parent.parent / "line.toml", (None,) * 4, None, True, path)


def _pretty(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
