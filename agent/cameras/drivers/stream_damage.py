"""Which pictures of a stream are guessed, because others that they build on were lost on their way. Pure.

FFmpeg is told to discard what came damaged, and decodes the next picture all the same. What was discarded leaves a gap
in the presentation times; from there on nothing is whole until a picture comes that stands alone.
"""

from __future__ import annotations

from collections import deque

STEPS = 32
"""So long it takes to believe that a camera has become slower."""
GAP = 1.5


class StreamDamage:
    """Told of every frame, in order."""

    def __init__(self) -> None:
        self._steps: deque[int] = deque(maxlen=STEPS)
        self._last_ns: int | None = None
        self._damaged = False

    def seen(self, presented_ns: int, stands_alone: bool) -> bool:
        """Is this picture guessed?"""
        if self._last_ns is not None:
            step_ns = presented_ns - self._last_ns
            self._damaged |= bool(self._steps) and step_ns > GAP * min(self._steps)
            self._steps.append(step_ns)
        self._last_ns = presented_ns
        self._damaged &= not stands_alone
        return self._damaged
