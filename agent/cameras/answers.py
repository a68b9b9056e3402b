"""Which frame answers which asking. Pure.

A frame's own time may be no more than that of its arrival, so a late answer to an earlier asking can look new: where
the camera numbers one frame on for each asking, its count tells the two apart. Both must fit.

What nobody can see from here: an exposure that nobody asked for, which comes just before a late answer.
"""

from __future__ import annotations

from agent.errors import Fault, NoDecision
from agent.inspection import Frame, Reason

MAX_LATE = 3
"""So many askings in a row that got the answer to an earlier one, and the station starts anew, camera and all."""
PATIENCE_NS = 2_000_000_000
"""No camera takes longer for a photo: what has not come by then never will."""


class Answers:
    """Of one camera, from its opening on; `numbered`: see above."""

    def __init__(self, numbered: bool) -> None:
        self._numbered = numbered
        self._asked_ns = 0
        self._owed = 0
        """Photos that were asked for and have not come."""
        self._newest_id: int | None = None
        self._behind: set[int] = set()
        """Askings, since the last good one, that got the answer to an earlier one."""

    def asked(self, now_ns: int) -> None:
        """A photo is asked for, now."""
        if now_ns - self._asked_ns > PATIENCE_NS:
            self._owed = 0
        self._owed, self._asked_ns = self._owed + 1, now_ns

    def this(self, frame: Frame) -> bool:
        """Does the next frame to arrive answer the newest asking?

        Raises NoDecision when more was exposed than asked for, Fault when the camera stays behind our asking.
        """
        fresh = frame.captured_ns >= self._asked_ns
        before, self._newest_id = self._newest_id, max(frame.frame_id, self._newest_id or frame.frame_id)
        if before is not None and frame.frame_id <= before:  # delivered twice, or long ago
            return False
        if not self._numbered:
            return fresh
        self._owed -= 1 if before is None else frame.frame_id - before
        if self._owed < 0:
            self._owed = 0
            raise NoDecision(Reason.FRAME_MISMATCH, f"frame {frame.frame_id} came after {before}: more than asked for")
        if self._owed > 0:
            self._note_late(frame)
            return False
        self._behind.clear()
        return fresh

    def _note_late(self, frame: Frame) -> None:
        self._behind.add(self._asked_ns)
        if len(self._behind) >= MAX_LATE:
            raise Fault(
                f"frame {frame.frame_id} is behind our asking, {MAX_LATE} parts in a row: the camera leaves photos out"
            )
