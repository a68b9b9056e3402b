"""`linegate journal export`: which parts, where to, and how far it has got."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from agent.asked_time import asked_span
from agent.config import load_config
from agent.give_way import give_way
from agent.journal.parquet import export_parquet


def run_export(config_path: Path, parquet: Path, begins: str | None, ends: str | None, journal: Path | None) -> None:
    """Times as `asked_time` takes them. Raises UsageError, ConfigError or Fault."""
    give_way()
    config = load_config(config_path)
    first, last = asked_span(("--from", "--to"), begins, ends, datetime.now(UTC), config.shifts.zone)
    station = (config.station.line, config.station.name)
    path = journal or config.station.journal
    with Console(stderr=True).status("reading …") as status:
        parts = export_parquet(
            path, parquet, station, first, last, lambda written: status.update(f"{written:,} parts …")
        )
    print(f"{parquet}: {parts:,} {'part' if parts == 1 else 'parts'}")
