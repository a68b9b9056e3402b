"""`linegate report`: one report in the form asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from agent.config import load_config
from agent.errors import UsageError
from agent.give_way import give_way
from agent.report.html import write_html
from agent.report.period import asked_period
from agent.report.report import make_report
from agent.report.text import print_report


def run_report(
    config_path: Path,
    asked: tuple[str | None, str | None, str | None, str | None],
    journal: Path | None,
    as_json: bool,
    html: Path | None,
) -> None:
    """`asked`: shift, day, begin, end, as given. Raises UsageError or ConfigError."""
    if as_json and html is not None:
        raise UsageError("give either --json or --html")
    give_way()
    config, now = load_config(config_path), datetime.now(UTC)
    period = asked_period(config.shifts, now, *asked)
    report = make_report(config, journal or config.station.journal, period, now)
    if as_json:
        print(report.model_dump_json(by_alias=True, indent=2))
    elif html is not None:
        write_html(report, html)
        print(f"{html}: open it in a browser, or print it")
    else:
        print_report(report)
