"""`linegate report`: its arguments and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.arguments import StationFile
from agent.errors import exit_on_error


def report(
    config: StationFile,
    shift: Annotated[str | None, typer.Option(help="A shift of the file, current or last; default: current.")] = None,
    date: Annotated[str | None, typer.Option(help="The day on which --shift began; default: the newest.")] = None,
    begins: Annotated[str | None, typer.Option("--from", help="Instead of a shift: local time, or 12h ago.")] = None,
    ends: Annotated[str | None, typer.Option("--to", help="With --from; default: now.")] = None,
    json: Annotated[bool, typer.Option("--json", help="For programs: config/schemas/linegate.report-1.json.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one HTML file, with pictures.")] = None,
    journal: Annotated[Path | None, typer.Option(help="A copy of the journal instead of the station's own.")] = None,
) -> None:
    """What a shift has made: yield, defects, latencies, trend.  Example: linegate report config/line.toml --shift late

    For paper or e-mail:  linegate report config/line.toml --shift last --html last.html
    """
    with exit_on_error():
        from agent.report.run import run_report

        run_report(config, (shift, date, begins, ends), journal, json, html)
