"""Which frame belongs to which trigger, by time and by count. Pure.

Time: the frame was exposed while the PLC saw the photo-eye's edge. Count: since the last part, camera and PLC
have counted the same number of parts. A frame that fits only one of the two belongs to nobody, and no frame serves
twice. Where triggers do not count every part (profile B), and for the first part after a start, a new PLC epoch or
the CLEAR_FAULT that ends PART_ID_ERROR (any other leaves the count as it is), time alone must do: the config keeps
parts further apart than the edge is uncertain.

When the link to the PLC was held up, the edge is known worse than parts are apart: time proves nothing, and the part
has no frame. That is no sign of a slip, nor is an incomplete frame, which may have lost its time.

What nobody can see from here: a frame that is wrong in both, in time by more than half a pitch and in count by as
many parts; a first frame that is wrong in time, which the second part brings to light; and an exposure too many
within the part's own window, when the other has not come yet: it shows this part, though displaced.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NoDecision, OutOfStep
from agent.inspection import Frame, Reason, Trigger
from agent.plc.register_map import seq_distance

MAX_MISMATCHES = 3
"""So many in a row and nothing is bound any more: camera and PLC count differently, somebody must look."""


@dataclass
class Binder:
    """Remembers the last pair of trigger and frame that fitted."""

    tolerance_ns: int
    pitch_ns: int
    """Least time between two parts."""
    _last: tuple[int, int, int] | None = None
    _newest_id: int | None = None
    """Of the frames that were bound: none may come again, whatever else is begun anew."""
    _mismatches: int = 0

    def window_ns(self, trigger: Trigger) -> tuple[int, int]:
        """When the frame of this trigger must have been exposed."""
        return trigger.earliest_ns - self.tolerance_ns, trigger.latest_ns + self.tolerance_ns

    def begin_anew(self) -> None:
        """Somebody has cleared the belt: the next pair sets the count, by time."""
        self._last, self._mismatches = None, 0

    def choose(self, trigger: Trigger, frames: list[Frame], waiting: bool = False) -> Frame | None:
        """The frame of this trigger among those buffered; None: not there (yet).

        Raises NoDecision when time proves nothing, or a frame fits in time but not in count; OutOfStep when the latter
        has happened MAX_MISMATCHES times without a part in between that fitted, and from then on for every part.
        """
        if self._mismatches >= MAX_MISMATCHES:
            raise OutOfStep("camera and PLC count differently, and nobody has cleared the belt yet")
        first_ns, last_ns = self.window_ns(trigger)
        if last_ns - first_ns >= self.pitch_ns:
            known_ms = (last_ns - first_ns) / 1e6
            raise NoDecision(Reason.CAPTURE_WINDOW, f"its time is known to {known_ms:.0f} ms only: PLC link held up")
        fitting = [frame for frame in frames if first_ns <= frame.captured_ns <= last_ns]
        expected = self._expected_id(trigger)
        right = self._right(fitting, expected)
        if not right and (waiting or not any(frame.complete for frame in fitting)):
            return None  # a neighbour's frame came first: the right one may be under way
        ids = {frame.frame_id for frame in right}
        exposed_twice = any(frame.complete and frame.frame_id > min(ids, default=0) for frame in fitting)
        if len(ids) != 1 or exposed_twice:
            self._mismatch(trigger, fitting, expected)
        self._mismatches = 0
        self._newest_id = right[0].frame_id
        if right[0].complete or expected is not None:
            self._last = (trigger.plc_epoch, trigger.seq, self._newest_id)
        if len(right) > 1:
            raise NoDecision(Reason.FRAME_MISMATCH, f"trigger {trigger.seq}: frame {self._newest_id} came twice")
        return right[0]

    def _expected_id(self, trigger: Trigger) -> int | None:
        if self._last is None or self._last[0] != trigger.plc_epoch or not trigger.counted:
            return None
        _, seq, frame_id = self._last
        return frame_id + seq_distance(seq, trigger.seq)

    def _right(self, fitting: list[Frame], expected: int | None) -> list[Frame]:
        """Those that fit in count, too; before anything was counted an incomplete one only for want of a better."""
        new = [frame for frame in fitting if self._newest_id is None or frame.frame_id > self._newest_id]
        if expected is None:
            return [frame for frame in new if frame.complete] or new
        return [frame for frame in new if frame.frame_id == expected]

    def _mismatch(self, trigger: Trigger, fitting: list[Frame], expected: int | None) -> None:
        self._mismatches += 1
        ids = ", ".join(str(frame.frame_id) for frame in fitting)
        counted = "a new one" if expected is None else str(expected)
        text = f"trigger {trigger.seq}: frame {ids} fits in time, frame {counted} in count"
        if self._mismatches >= MAX_MISMATCHES:
            raise OutOfStep(f"{text}: camera and PLC count differently ({MAX_MISMATCHES} parts in a row)")
        raise NoDecision(Reason.FRAME_MISMATCH, text)
