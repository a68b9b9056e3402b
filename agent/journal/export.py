"""`linegate journal export`: which parts, where to, and how far it has got."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from agent.config import load_config
from agent.errors import UsageError
from agent.give_way import give_way
from agent.journal.parquet import export_parquet
from agent.report.period import local_time


def run_export(config_path: Path, parquet: Path, begins: str | None, ends: str | None, journal: Path | None) -> None:
    """Times are local, ISO 8601. Raises UsageError, ConfigError or Fault."""
    give_way()
    config = load_config(config_path)
    first = local_time("--from", begins, config.shifts.zone) if begins is not None else None
    last = local_time("--to", ends, config.shifts.zone) if ends is not None else None
    if first and last and first >= last:
        raise UsageError(f"--from {begins} is not before --to {ends}: turn them round")
    station = (config.station.line, config.station.name)
    path = journal or config.station.state_dir / "journal.sqlite"
    with Console(stderr=True).status("reading …") as status:
        parts = export_parquet(
            path, parquet, station, first, last, lambda written: status.update(f"{written:,} parts …")
        )
    print(f"{parquet}: {parts:,} parts")
