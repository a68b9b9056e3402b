"""`linegate doctor`: its arguments and its help."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.arguments import StationFile
from agent.errors import exit_on_error


def doctor(
    config: StationFile,
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long to look at camera and PLC, each.")] = 3.0,
    key: Annotated[
        Path | None, typer.Option(help="A running station with keys: your own secret one, NAME.key_secret.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: config/schemas/linegate.doctor-1.json.")
    ] = False,
) -> None:
    """Look at all that a station needs, as it really is.  Example: linegate doctor /etc/linegate/line1.toml

    Camera, PLC and model are opened and measured; of a station that runs its own figures are taken instead, and
    nothing is disturbed. The PLC is only read. Exit 0: nothing is red.
    """
    with exit_on_error():
        from agent.doctor.examination import run_doctor

        sys.exit(0 if run_doctor(config, seconds, key, as_json) else 1)
