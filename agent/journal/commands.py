"""`linegate journal …`: arguments and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.arguments import StationFile
from agent.errors import exit_on_error


def journal_backup(
    config: StationFile, out: Annotated[Path, typer.Option(help="The copy: a new file, complete in itself.")]
) -> None:
    """Copy the journal while the station runs.  Example: linegate journal backup config/line.toml --out copy.sqlite"""
    with exit_on_error():
        from agent.journal.backup import run_backup

        run_backup(config, out)


def journal_check(
    config: StationFile,
    journal: Annotated[Path | None, typer.Option(help="A copy of the journal instead of the station's own.")] = None,
) -> None:
    """Is the journal whole, and has each part one row?  Example: linegate journal check config/line.toml"""
    with exit_on_error():
        from agent.journal.check import run_check

        run_check(config, journal)


def journal_export(
    config: StationFile,
    parquet: Annotated[Path, typer.Option(help="The file to write.")],
    begins: Annotated[
        str | None, typer.Option("--from", help="Parts decided since then: local time, or 12h ago.")
    ] = None,
    ends: Annotated[str | None, typer.Option("--to", help="And before this one.")] = None,
    journal: Annotated[Path | None, typer.Option(help="A copy of the journal instead of the station's own.")] = None,
) -> None:
    """Write the parts as a table.  Example: linegate journal export config/line.toml --parquet parts.parquet"""
    with exit_on_error():
        from agent.journal.export import run_export

        run_export(config, parquet, begins, ends, journal)
