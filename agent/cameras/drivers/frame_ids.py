"""Frame numbers that go on counting where the camera's own wrap. Pure."""

from __future__ import annotations

WRAP = 65_535
"""GigE Vision 1.x counts 1 … 65535, 1 …: zero is skipped."""


class FrameIds:
    """Gaps, duplicates and frames out of order stay what they are: an id that goes back goes back here too."""

    def __init__(self) -> None:
        self._last: int | None = None

    def count(self, frame_id: int) -> int:
        """The camera's `frame_id`, as many wraps higher as it has wrapped.

        A number above 65535 tells that the camera counts in 64 bits (GigE Vision 2, USB3 Vision): it is taken as it is.
        """
        if self._last is None or frame_id > WRAP:
            self._last = frame_id
            return frame_id
        ahead = (frame_id - self._last) % WRAP
        self._last += ahead if ahead <= WRAP // 2 else ahead - WRAP
        return self._last
