"""A disk that is full, read-only or gone while the data set is laid down: one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import ConfigError, in_words


@contextmanager
def writing(folder: Path, doing: str) -> Iterator[None]:
    """Turn an OSError into a ConfigError that names the file that the system names, else `folder`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder}: {in_words(error)} while {doing}: mend that, run it again"
        ) from error
