"""The number of this start: kept outside the journal, so that a lost journal cannot bring an old epoch back."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import ConfigError
from agent.plc.register_map import MAX_SEQ


def next_agent_epoch(state_dir: Path) -> int:
    """Count up and persist (fsync, atomic rename) the epoch, 1..65535. Raises ConfigError."""
    path = state_dir / "agent_epoch"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        last = int(path.read_text()) if path.exists() else 0
        epoch = last % MAX_SEQ + 1
        temporary = path.with_suffix(".new")
        with temporary.open("w") as file:
            file.write(f"{epoch}\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path}: {error}: make [station] state_dir a writable folder of this station alone"
        ) from error
    return epoch
