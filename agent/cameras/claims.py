"""Frames that nobody asked for: exposed at no part's time although the PLC was announcing all parts. Pure.

Told of every frame as it arrives and of every part as it is announced, inspected or not, so that an overloaded
station does not take the frames of parts that it had no time for as unasked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MOST_KEPT = 1024
IDS_KEPT = 64
KEPT_NS = 2_000_000_000
"""A frame that takes longer than this from exposure to its arrival is one that nobody asked for."""


@dataclass
class Claims:
    """Each part claims one frame, exposed no further than `reach_ns` from the time at which it may have been seen.

    `reach_ns`: less than lies between the windows of two neighbours. One thread may add frames while another judges.
    """

    reach_ns: int
    unsolicited: int = 0
    """Frames that no part has claimed."""
    _frames: deque[int] = field(default_factory=lambda: deque(maxlen=MOST_KEPT))
    _ids: deque[int] = field(default_factory=lambda: deque(maxlen=IDS_KEPT))
    _windows: list[tuple[int, int]] = field(default_factory=list)

    def arrived(self, frame_id: int, captured_ns: int) -> None:
        """There is a frame; delivered twice it is still one."""
        if frame_id not in self._ids:
            self._ids.append(frame_id)
            self._frames.append(captured_ns)

    def announced(self, first_ns: int, last_ns: int) -> None:
        """A part may have been seen between these."""
        self._windows.append((first_ns - self.reach_ns, last_ns + self.reach_ns))

    def judge(self, since_ns: int, until_ns: int) -> int:
        """How many more frames, exposed in this time, turn out to be unsolicited.

        Every part of this time is announced by now; what came before `since_ns` may be anybody's.
        """
        arrived = sorted(self._frames.popleft() for _ in range(len(self._frames)))
        found = 0
        for captured_ns in arrived:
            if captured_ns > until_ns:
                self._frames.append(captured_ns)
            elif not self._claim(captured_ns) and captured_ns >= since_ns:
                found += 1
        self._windows = [window for window in self._windows if window[1] > until_ns - KEPT_NS]
        self.unsolicited += found
        return found

    def _claim(self, captured_ns: int) -> bool:
        claiming = [window for window in self._windows if window[0] <= captured_ns <= window[1]]
        if claiming:
            self._windows.remove(min(claiming, key=lambda window: window[1]))
        return bool(claiming)
