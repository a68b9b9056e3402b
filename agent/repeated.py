"""A line that would come again and again: the log has it when it begins or changes, then once a minute."""

from __future__ import annotations

import time

AGAIN_S = 60.0


class Repeated:
    """Of one kind of line."""

    def __init__(self) -> None:
        self._key, self._times, self._said_s = "", 0, 0.0

    def due(self, key: str) -> int:
        """How often `key` has come since it was due last, this time included; 0 = it is not due yet."""
        now_s = time.monotonic()
        self._times += 1
        if key == self._key and now_s - self._said_s < AGAIN_S:
            return 0
        times, self._times = (self._times if key == self._key else 1), 0
        self._key, self._said_s = key, now_s
        return times
