"""`linegate report`: its arguments and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.errors import exit_on_error

Config = Annotated[Path, typer.Argument(help="The station's TOML file.")]


def report(config: Config) -> None:
    """What a shift has made.  Example: linegate report config/line.toml --shift late"""
    with exit_on_error():
        raise NotImplementedError
