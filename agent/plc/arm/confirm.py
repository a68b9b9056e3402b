"""The sensor behind the reject arm: every part that was to be rejected must be counted there in time. Pure.

One count confirms the oldest reject outstanding. A count while none is outstanding (a good part in the chute, a hand
before the sensor) is nobody's: it is not kept, or it would confirm a later part that has jammed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.plc.decision import MS

RAN_BACK = 0x7FFF
"""More counts than this between two reads: the PLC's counter has begun anew."""


@dataclass
class ConfirmSensor:
    """A reject must be counted `within_ms` of its arrival at the arm."""

    within_ms: float
    _count: int | None = None
    _outstanding: dict[tuple[int, int], int | None] = field(default_factory=dict)
    """Rejects by trigger key, oldest first: when they must have been counted; None = not yet at the arm."""

    def expect(self, key: tuple[int, int]) -> None:
        """This part is about to be rejected: from now on it may be counted."""
        self._outstanding[key] = None

    def arrived(self, key: tuple[int, int], at_ns: int) -> None:
        """It was at the arm; unless it is counted already, its time runs."""
        if key in self._outstanding:
            self._outstanding[key] = at_ns + int(self.within_ms * MS)

    def observe(self, count: int, sent_ns: int) -> tuple[bool, ...]:
        """CONFIRM_CNT as sampled after `sent_ns`: for every reject now settled, was it confirmed?

        Only a read can tell that a count is missing: while the link is down nothing is held against the arm.
        """
        counts = 0 if self._count is None else (count - self._count) & 0xFFFF
        self._count = count
        confirmed = list(self._outstanding)[: counts if counts <= RAN_BACK else 0]
        for key in confirmed:
            del self._outstanding[key]
        missing = [key for key, due_ns in self._outstanding.items() if due_ns is not None and due_ns < sent_ns]
        for key in missing:
            del self._outstanding[key]
        return (True,) * len(confirmed) + (False,) * len(missing)

    def begin_epoch(self) -> None:
        """The PLC has started anew: its counter, and what it was about to reject, are gone."""
        self._count = None
        self._outstanding.clear()
