"""The station's state folder: its alone while it runs, and the number of this start.

The number is kept outside the journal, so that a lost journal cannot bring an old epoch back.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import ConfigError
from agent.lasting_file import write_lasting
from agent.plc.register_map import MAX_SEQ


@contextmanager
def state_dir_alone(state_dir: Path) -> Iterator[None]:
    """Hold the folder for this process; the kernel lets go of it however the process ends.

    Raises ConfigError when another station has it: two would give the same epochs and ids.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("w")
    except OSError as error:
        raise ConfigError(f"{state_dir}: {error.strerror}: make [station] state_dir a writable folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"[station] state_dir {state_dir} belongs to another running station: stop it or give this one its own"
            ) from error
        yield


def next_agent_epoch(state_dir: Path) -> int:
    """Count up and persist (fsync, atomic rename) the epoch, 1..65535. Raises ConfigError."""
    path = state_dir / "agent_epoch"
    try:
        last = int(path.read_text()) if path.exists() else 0
        epoch = last % MAX_SEQ + 1
        write_lasting(path, f"{epoch}\n")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: {error}: make [station] state_dir a writable folder of this station alone, with space on its disk"
        ) from error
    return epoch
