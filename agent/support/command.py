"""`linegate support-bundle`: its arguments and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.arguments import StationFile
from agent.errors import exit_on_error


def support_bundle(
    config: StationFile,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The archive, a new file; default: by station and time, here.")
    ] = None,
    hours: Annotated[int, typer.Option(min=1, max=24 * 31, help="How far back the logs reach.")] = 24,
) -> None:
    """Gather what support needs, without secrets.  Example: linegate support-bundle /etc/linegate/line1.toml

    Beside a station that runs or not: config, versions, logs, the doctor's findings, figures of the journal. What
    could not be had is named in it. Keys and passwords are left out; look through it all the same before you send it.
    """
    with exit_on_error():
        from agent.support.bundle import run_support_bundle

        run_support_bundle(config, output, hours)
