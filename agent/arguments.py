"""Arguments that several commands take; values that the declared type lets through and that make no sense."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.event import LONGEST_TEXT

StationFile = Annotated[Path, typer.Argument(help="The station's TOML file.")]


def person(name: str) -> str:
    """Somebody's name, which goes into a record: not an empty one, nor one that the station would refuse."""
    if not name.strip():
        raise typer.BadParameter("a name is needed, it is written down")
    if len(name.strip()) > LONGEST_TEXT or not name.strip().isprintable():
        raise typer.BadParameter(f"a name has at most {LONGEST_TEXT} characters, and all can be printed")
    return name.strip()
