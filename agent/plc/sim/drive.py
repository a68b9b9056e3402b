"""The simulated belt's motion: where it is at any time, how fast, and when it will have come so far. Pure.

Position is what the belt has travelled since its start, in mm; times are seconds of one monotonic clock. A leg is
a stretch of constant speed. All is kept in one tuple that is replaced as a whole, so that a thread may read while
another sets the speed.
"""

from __future__ import annotations

from dataclasses import dataclass

LEGS = 200
"""So many changes of speed are remembered: parts between photo-eye and arm see far fewer."""
U32 = 1 << 32


@dataclass(frozen=True)
class Leg:
    """From `start_s` at `start_mm` on with this speed."""

    start_s: float
    start_mm: float
    mm_s: float

    def position_mm(self, at_s: float) -> float:
        """Where the belt is at `at_s`; not before the leg's start."""
        return self.start_mm + max(0.0, at_s - self.start_s) * self.mm_s


class Drive:
    """The belt stands at 0 mm until a speed is set; it never runs backwards."""

    def __init__(self) -> None:
        self._legs: tuple[Leg, ...] = (Leg(0.0, 0.0, 0.0),)

    def set_speed(self, at_s: float, mm_s: float) -> None:
        """From `at_s` on the belt moves at `mm_s`; what was set for later than that is void."""
        legs = [leg for leg in self._legs if leg.start_s <= at_s][-LEGS:] or [self._legs[0]]
        if legs[-1].mm_s != mm_s or len(legs) < len(self._legs):
            self._legs = (*legs, Leg(at_s, legs[-1].position_mm(at_s), mm_s))

    def position_mm(self, at_s: float) -> float:
        """How far the belt has travelled at `at_s`."""
        return self._leg(at_s).position_mm(at_s)

    def mm_s(self, at_s: float) -> float:
        """Speed at `at_s`."""
        return self._leg(at_s).mm_s

    def when_s(self, mm: float) -> float | None:
        """When the belt has come as far as `mm`, past or, at the speed set, to come; None: it stands before that."""
        for leg in reversed(self._legs):
            if leg.start_mm < mm or leg is self._legs[0]:
                return leg.start_s + (mm - leg.start_mm) / leg.mm_s if leg.mm_s > 0 and mm >= leg.start_mm else None
        return None

    def _leg(self, at_s: float) -> Leg:
        return next((leg for leg in reversed(self._legs) if leg.start_s <= at_s), self._legs[0])


class BeltControl:
    """Who moves the belt: the PLC, which may have it stand, and a fault of the drive that the PLC does not know of."""

    def __init__(self, drive: Drive, mm_s: float) -> None:
        self._drive, self.mm_s = drive, mm_s
        self._fault_mm_s: float | None = None
        self.released = False
        """Does the PLC let the belt run? That a fault has it stand all the same, the PLC does not know."""

    def hold(self, at_s: float) -> bool:
        """The PLC has the belt stand from `at_s` on; False: it does so already."""
        if not self.released:
            return False
        self.released = False
        self._set(at_s)
        return True

    def release(self, at_s: float) -> bool:
        """The PLC lets the belt run from `at_s` on; False: it does so already."""
        if self.released:
            return False
        self.released = True
        self._set(at_s)
        return True

    def fail(self, at_s: float, mm_s: float | None) -> None:
        """The drive goes at `mm_s` whatever was ordered; None: as ordered again."""
        self._fault_mm_s = mm_s
        self._set(at_s)

    def _set(self, at_s: float) -> None:
        ordered = self.mm_s if self._fault_mm_s is None else self._fault_mm_s
        self._drive.set_speed(at_s, ordered if self.released else 0.0)


@dataclass(frozen=True)
class Encoder:
    """A wheel on the belt and a u32 counter, which wraps."""

    counts_per_mm: float
    start: int = 0

    def count(self, mm: float) -> int:
        """The counter when the belt has travelled `mm`."""
        return (self.start + int(mm * self.counts_per_mm)) % U32

    def counts_per_s(self, mm_s: float) -> int:
        """The counter's speed."""
        return round(mm_s * self.counts_per_mm)
