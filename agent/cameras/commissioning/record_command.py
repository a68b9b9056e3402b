"""`linegate record`: store frames with their timing, for a replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.errors import exit_on_error


def record(
    config: Annotated[Path, typer.Argument(help="The station's TOML file; the station itself must not run.")],
    out: Annotated[Path, typer.Option(help="Folder of the recording: new, empty, or a recording to go on with.")],
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after this time; default: at Ctrl-C.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="End after so many frames.")] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, max=1000, help="Photos a second where the camera is asked for each; default: 5."),
    ] = None,
) -> None:
    """Store a camera's frames with their timing.  Example: linegate record config/line.toml --out shift1 --seconds 9"""
    with exit_on_error():
        from agent.cameras.commissioning.record import record_camera
        from agent.config import load_config
        from agent.service import stop_on_signals

        record_camera(load_config(config), out, seconds, frames, rate, stop_on_signals())
