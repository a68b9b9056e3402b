"""A small file that is whole or not there, whatever befalls the process or the power while it is written."""

from __future__ import annotations

import os
from pathlib import Path


def write_lasting(path: Path, text: str) -> None:
    """Replace `path` by one that holds `text` (fsync, atomic rename): it stays so after a power cut. Raises OSError."""
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name too
    finally:
        os.close(folder)
