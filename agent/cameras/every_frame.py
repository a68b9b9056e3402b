"""Each frame of the camera is a part: somebody else fires it, once a part. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from agent.cameras.part import Part
from agent.errors import Fault
from agent.inspection import Frame, Reason

MOST_LOST = 256
"""So many frames lost at once are no slip: start anew, and let a gap row say that nobody knows how many."""
MAX_MISCOUNTS = 3
"""So many in a row and the station stops: the camera's count cannot be trusted."""


class EveryFrame:
    """Goes by the camera's frame numbers: a number left out was a part, and one that runs back shows none for sure."""

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._miscounts = 0

    def blind(self) -> str:
        """There is nothing to learn."""
        return ""

    def see(self, frame: Frame) -> Sequence[Part]:
        """The parts whose frames never came, then this one. Raises Fault when too many are lost, or none counts."""
        last, self._last = self._last, frame
        lost = frame.frame_id - last.frame_id - 1 if last else 0
        if last is None or lost == 0:
            self._miscounts = 0
            return (Part(frame.captured_ns, frame),)
        if lost < 0:
            return (self._miscounted(last, frame),)
        if lost > MOST_LOST:
            raise Fault(f"camera: {lost} frames lost at once (frame {frame.frame_id} came after {last.frame_id})")
        self._miscounts = 0
        missing = range(last.frame_id + 1, frame.frame_id)
        never = [
            Part(frame.captured_ns, None, Reason.FRAME_TIMEOUT, f"frame {number} never arrived") for number in missing
        ]
        return (*never, Part(frame.captured_ns, frame))

    def _miscounted(self, last: Frame, frame: Frame) -> Part:
        self._miscounts += 1
        text = f"frame {frame.frame_id} came after frame {last.frame_id}: delivered twice, or counted anew"
        if self._miscounts >= MAX_MISCOUNTS:
            raise Fault(f"camera: {text} ({MAX_MISCOUNTS} times in a row)")
        return Part(frame.captured_ns, None, Reason.FRAME_MISMATCH, text)
