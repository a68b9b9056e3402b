"""PART_ID_ERROR on disk: camera and PLC have counted differently, and nobody has cleared the belt since.

Kept outside the journal, beside the agent's epoch: a restart, wanted or not, must not put the two in step again unseen.
"""

from __future__ import annotations

from pathlib import Path

from agent.errors import ConfigError
from agent.lasting_file import write_lasting


class PartIdLatch:
    """Of one station. Raises ConfigError when its state folder cannot be read."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "part_id_error"
        try:
            self.why = self._path.read_text(encoding="utf-8").strip() if self._path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self._path}: {error}: make [station] state_dir a readable folder") from error
        self.set = self._path.exists()

    def latch(self, why: str) -> None:
        """From now on, over restarts (fsync, atomic rename). Raises OSError."""
        self.set, self.why = True, why
        write_lasting(self._path, f"{why}\n")

    def clear(self) -> None:
        """Somebody has cleared the belt. Raises OSError."""
        self._path.unlink(missing_ok=True)
        self.set, self.why = False, ""
