"""`linegate collect`: its arguments and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.errors import exit_on_error

Config = Annotated[Path, typer.Argument(help="The station's TOML file.")]


def collect(config: Config, out: Annotated[Path, typer.Option(help="A new folder for them.")]) -> None:
    """Hand kept images over for labelling.  Example: linegate collect config/line.toml --since 7d --out picked"""
    with exit_on_error():
        raise NotImplementedError
