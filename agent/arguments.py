"""Values on the command line that the declared type lets through and that make no sense."""

from __future__ import annotations

import typer


def person(name: str) -> str:
    """Somebody's name, which goes into a record: not an empty one."""
    if not name.strip():
        raise typer.BadParameter("a name is needed, it is written down")
    return name.strip()
