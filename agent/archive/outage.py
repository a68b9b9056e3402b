"""One stretch in which images could not be kept: told once when it begins, once when it is over. Pure."""

from __future__ import annotations

from dataclasses import dataclass

QUIET_S = 2.0
"""So long must all go well before it is over: a disk that is slow, or nearly full, fails and succeeds in turns."""


@dataclass
class Outage:
    """Not thread-safe. Times in s, of one clock that is never set."""

    trouble: str = ""
    """Why; "" = all is well."""
    lost: int = 0
    """Images, in this outage."""
    _began_s: float = 0.0
    _last_s: float = 0.0
    _well_since: bool = False

    def failed(self, why: str, now_s: float, lost: int = 0) -> bool:
        """An image could not be kept, or not yet. True: with this an outage begins."""
        begins = not self.trouble
        if begins:
            self.trouble, self._began_s, self.lost = why, now_s, 0
        self.lost += lost
        self._last_s, self._well_since = now_s, False
        return begins

    def well(self) -> None:
        """The disk has done what it was asked."""
        self._well_since = True

    def over(self, now_s: float) -> str:
        """What there is to say of it, once it is over; else ""."""
        if not self.trouble or not self._well_since or now_s - self._last_s < QUIET_S:
            return ""
        self.trouble = ""
        return f"images are kept again after {now_s - self._began_s:.0f} s; {self.lost} were lost"
