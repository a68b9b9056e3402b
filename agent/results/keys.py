"""CURVE key files."""

from __future__ import annotations

from pathlib import Path


def write_new_keys(name: str, folder: Path) -> None:
    raise NotImplementedError
