"""Libraries that not every station needs, the extras of pyproject.toml: how one comes onto this computer."""

from __future__ import annotations

from pathlib import Path


def how_to_install(extra: str, package: Path = Path(__file__)) -> str:
    """As the remedy in an error. `package`: where Linegate's code lies."""
    if "versions" in package.parts:  # as systemd/install has it
        return f"as root, in the checkout: systemd/install --extra {extra} (and again those that there are)"
    return (
        f"in the checkout, .venv/bin/uv pip install --constraint constraints.txt --editable '.[{extra}]' "
        f"(without one: pip install 'linegate[{extra}]')"
    )
