"""Which frame belongs to which trigger, by time and by count. Pure.

Time: the frame was exposed while the PLC saw the photo-eye's edge. Count: since the last part, camera and PLC
have counted the same number of parts. A frame that fits only one of the two belongs to nobody. Where triggers do not
count every part (profile B), time alone must do: the config keeps parts further apart than the edge is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import Fault, NoDecision
from agent.inspection import Frame, Reason, Trigger
from agent.plc.register_map import seq_distance

MAX_MISMATCHES = 3
"""So many in a row and the station stops: camera and PLC count differently, somebody must look."""


@dataclass
class Binder:
    """Remembers the last pair of trigger and frame that fitted."""

    tolerance_ns: int
    _last: tuple[int, int, int] | None = None
    _mismatches: int = 0

    def window_ns(self, trigger: Trigger) -> tuple[int, int]:
        """When the frame of this trigger must have been exposed."""
        return trigger.earliest_ns - self.tolerance_ns, trigger.latest_ns + self.tolerance_ns

    def choose(self, trigger: Trigger, frames: list[Frame], waiting: bool = False) -> Frame | None:
        """The frame of this trigger among those buffered; None: not there (yet).

        Raises NoDecision when a frame fits in time but not in count, Fault when that happens again and again.
        """
        first_ns, last_ns = self.window_ns(trigger)
        fitting = [frame for frame in frames if first_ns <= frame.captured_ns <= last_ns]
        if not fitting:
            return None
        expected = self._expected_id(trigger)
        right = [frame for frame in fitting if expected is None or frame.frame_id == expected]
        if not right and waiting:  # the neighbour's frame came first; the right one may be under way
            return None
        if len(right) != 1:
            self._mismatch(trigger, fitting, expected)
        self._mismatches = 0
        self._last = (trigger.plc_epoch, trigger.seq, right[0].frame_id)
        return right[0]

    def _expected_id(self, trigger: Trigger) -> int | None:
        if self._last is None or self._last[0] != trigger.plc_epoch or not trigger.counted:
            return None
        _, seq, frame_id = self._last
        return frame_id + seq_distance(seq, trigger.seq)

    def _mismatch(self, trigger: Trigger, fitting: list[Frame], expected: int | None) -> None:
        self._mismatches += 1
        ids = ", ".join(str(frame.frame_id) for frame in fitting)
        text = f"trigger {trigger.seq}: frame {ids} fits in time, frame {expected} in count"
        if self._mismatches >= MAX_MISMATCHES:
            raise Fault(f"{text}: camera and PLC count differently ({MAX_MISMATCHES} parts in a row)")
        raise NoDecision(Reason.FRAME_MISMATCH, text)
