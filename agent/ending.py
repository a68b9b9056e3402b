"""How a station ends: what was opened last is closed first, and one deadline holds for all of it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Protocol

LIMIT_S = 4.0
"""For all that runs beside camera and model; systemd ends the process by force after TimeoutStopSec = 5 s."""


class Closable(Protocol):
    """Whatever has threads."""

    def close(self, within_s: float) -> None:
        """End them, and wait so long for it at most."""
        ...


class Deadline:
    """Begins when it is first asked for."""

    def __init__(self) -> None:
        self._end_s: float | None = None

    def left_s(self) -> float:
        """Until then; 0 = it has passed."""
        now_s = time.monotonic()
        if self._end_s is None:
            self._end_s = now_s + LIMIT_S
        return max(0.0, self._end_s - now_s)


class Ending(ExitStack):
    """An ExitStack that gives each part what is left of the time."""

    def __init__(self, deadline: Deadline | None = None) -> None:
        super().__init__()
        self._deadline = deadline or Deadline()

    def closes(self, part: Closable, at_most_s: float = LIMIT_S) -> None:
        """Close `part` when its turn has come."""
        self.callback(lambda: part.close(min(at_most_s, self._deadline.left_s())))

    def later(self) -> Ending:
        """What is put on this is closed after all that is put on me from now on."""
        return self.enter_context(Ending(self._deadline))
