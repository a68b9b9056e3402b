"""A small file that is whole or not there, whatever befalls the process or the power while it is written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_lasting(path: Path, content: str | bytes) -> None:
    """Replace `path` by one that holds `content` (fsync, atomic rename): it stays so after a power cut.

    Text is written as UTF-8. Raises OSError, and leaves nothing behind: on a full disk the half would be in the way.
    """
    temporary = path.with_name(f"{path.name}.new")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name too
    finally:
        os.close(folder)
