"""A file that a command is asked to write: a new one, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import Fault, UsageError


@contextmanager
def new_file(option: str, path: Path) -> Iterator[Path]:
    """Yield where to write it; after the block it is at `path`.

    Raises UsageError where no new file can be, Fault when the disk fails; `option` is what gave `path`.
    """
    if path.exists():
        raise UsageError(f"{option} {path} exists: name a new file, or remove it first")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {path}: no such folder: make it first")
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        os.replace(unfinished, path)
    except OSError as error:
        raise Fault(f"{option} {path}: {error.strerror or error}: free the disk, or choose another folder") from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
