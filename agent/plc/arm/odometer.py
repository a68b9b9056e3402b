"""Where the belt is, in the unit of the arm's distance: encoder counts, or millimetres summed up from LINE_MM_S. Pure.

Counts are exact whatever the speed did meanwhile, so a gap between two reads heals itself. Millimetres are only as
good as the speed was watched: after a gap nobody knows how far the belt has gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.inspection import Trigger
from agent.plc.decision import MS, Sampled
from agent.plc.register_map import PLC_BLOCK

SHORT_GAP_MS = 250
"""At 65 kHz the low word moves by less than half its range in this time: it alone, which cannot be torn, will do."""
EARLY_COUNTS = 1024
"""The edge may be latched so much after the reading that came with it: counter and scan are not one thing."""


@dataclass
class Odometer:
    """At `at_ns` the belt was at `position`, moving at `per_s`; 0 = it stands."""

    by_encoder: bool
    scan_ms: float
    known_ms: float
    """So long after a reading the belt is believed to have gone on as it did."""
    position: float = 0.0
    per_s: float = 0.0
    at_ns: int = 0
    _reading: tuple[int, int] | None = None
    """(PLC_MS, ENC_NOW) of the newest scan."""
    _asked_ns: int = 0

    def observe(self, words: list[int], sampled: Sampled) -> bool:
        """Take in one read; False: the belt may have moved unseen, nobody knows where the parts on it are."""
        reading = PLC_BLOCK.get(words, "PLC_MS"), PLC_BLOCK.get(words, "ENC_NOW")
        asked_ns, self._asked_ns = self._asked_ns, sampled.sent_ns
        if reading == self._reading:
            return True  # the same scan once more; a PLC that stands still makes the reading old
        earliest_ns = max(asked_ns, sampled.sent_ns - int(self.scan_ms * MS))
        at_ns = (earliest_ns + sampled.received_ns) // 2
        known = self._advance(words, reading[1], at_ns - self.at_ns)
        self._reading, self.at_ns = reading, at_ns
        return known

    def _advance(self, words: list[int], encoder: int, gap_ns: int) -> bool:
        before, self.per_s = self.per_s, float(PLC_BLOCK.get(words, "ENC_HZ" if self.by_encoder else "LINE_MM_S"))
        if self._reading is None:
            return True
        if self.by_encoder:
            bits = 16 if gap_ns < SHORT_GAP_MS * MS else 32
            self.position += signed(encoder - self._reading[1], bits)
            return True
        self.position += (before + self.per_s) / 2 * gap_ns / 1e9
        return gap_ns <= self.known_ms * MS

    def known(self, now_ns: int) -> bool:
        """Is the newest reading young enough to go by?"""
        return self._reading is not None and now_ns - self.at_ns <= self.known_ms * MS

    def at_photo_eye(self, trigger: Trigger) -> float:
        """Where the belt was when the part of a trigger in the newest read passed the photo-eye."""
        assert self._reading is not None
        if self.by_encoder:
            travelled = ((self._reading[1] - trigger.enc + EARLY_COUNTS) & 0xFFFF) - EARLY_COUNTS
            return self.position - travelled
        edge_ns = (trigger.earliest_ns + trigger.latest_ns) // 2
        return self.position - self.per_s * (self.at_ns - edge_ns) / 1e9

    def position_at(self, now_ns: int) -> float:
        """Where it is now, going on as it did."""
        return self.position + self.per_s * (now_ns - self.at_ns) / 1e9

    def reaches_ns(self, position: float) -> int | None:
        """When it gets (or got) to `position`, going on as it does; None while it stands."""
        return self.at_ns + int((position - self.position) / self.per_s * 1e9) if self.per_s else None


def signed(difference: int, bits: int) -> int:
    """A difference of two counters of so many bits, either way round the wrap."""
    half = 1 << (bits - 1)
    return ((difference + half) & ((1 << bits) - 1)) - half
