"""What of the archive must go, and when: by bytes, by what must stay free on the disk, by age. Pure.

It knows no single image, only how many bytes lie in each day's folder for each reason: so it stays small, whatever
the archive grows to.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.archive.layout import Why

BLOCK_BYTES = 4096
SPACE_SHOWS_S = 35.0
"""A file system may take so long to show what has been freed (XFS, btrfs)."""
A_DAY_GOES_EVERY_S = 3600.0


def on_disk(nbytes: int) -> int:
    """What a file of so many bytes takes."""
    return -(-nbytes // BLOCK_BYTES) * BLOCK_BYTES


@dataclass
class DiskBudget:
    """`max_bytes` for all images, `min_free_bytes` of the file system stay free."""

    max_bytes: float
    min_free_bytes: float
    total_bytes: int = 0
    _shelves: dict[Why, dict[str, int]] = field(init=False)
    """Bytes by day."""

    def __post_init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Nothing is there, as far as is known."""
        self._shelves, self.total_bytes = {why: defaultdict(int) for why in Why}, 0

    def add(self, why: Why, day: str, nbytes: int) -> None:
        """These lie there now."""
        if nbytes:
            self._shelves[why][day] += nbytes
            self.total_bytes += nbytes

    def remove(self, why: Why, day: str, nbytes: int) -> None:
        """These are gone."""
        self.add(why, day, -nbytes)
        if self._shelves[why][day] <= 0:
            self.forget(why, day)

    def forget(self, why: Why, day: str) -> None:
        """Nothing of it is there, as far as is known."""
        self.total_bytes -= self._shelves[why].pop(day, 0)

    def fits(self, need_bytes: int, free_bytes: float) -> bool:
        """Is there room, as things are?"""
        return self.total_bytes + need_bytes <= self.max_bytes and free_bytes - need_bytes >= self.min_free_bytes

    def in_vain(self, need_bytes: int, free_bytes: float) -> bool:
        """Would there be no room even if all went? Then nothing goes: somebody else has filled the disk."""
        return need_bytes > self.max_bytes or free_bytes + self.total_bytes - need_bytes < self.min_free_bytes

    def next_to_go(self) -> tuple[Why, str] | None:
        """Where the oldest image of the least worth lies; None: there is none at all."""
        return next(((why, min(days)) for why, days in self._shelves.items() if days), None)

    def oldest(self) -> tuple[str, list[Why]] | None:
        """The oldest day, and why images of it were kept."""
        day = min((min(days) for days in self._shelves.values() if days), default=None)
        return None if day is None else (day, [why for why, days in self._shelves.items() if day in days])


@dataclass
class Ageing:
    """Which day is too old. Counts on from the time at the start, so that a clock that is set while we run is nothing.

    A clock that was wrong at the start may cost the oldest day, and one more an hour: nothing else tells it from a
    station that has been off for long. `started_utc`: at `started_s` of a clock that is never set.
    """

    keep_days: int
    started_utc: datetime
    started_s: float
    _next_s: float = 0.0
    _going: str = ""

    def is_due(self, day: str, now_s: float) -> bool:
        """May this day, the oldest there is, go now?"""
        now_utc = self.started_utc + timedelta(seconds=now_s - self.started_s)
        if day >= f"{now_utc - timedelta(days=self.keep_days):%Y-%m-%d}":
            return False
        if day == self._going:
            return True
        if now_s < self._next_s:
            return False
        self._going, self._next_s = day, now_s + A_DAY_GOES_EVERY_S
        return True


@dataclass
class FreeSpace:
    """What the file system says is free, and what it will say once it has noticed what was deleted.

    It has its say again SPACE_SHOWS_S after that began, whatever is deleted meanwhile: another may be filling the disk.
    """

    _expected_bytes: float = 0.0
    _until_s: float = 0.0

    def believed(self, said_bytes: float, now_s: float) -> float:
        """As far as is known."""
        return max(said_bytes, self._expected_bytes) if now_s < self._until_s else said_bytes

    def deleted(self, nbytes: int, believed_bytes: float, shown_bytes: float, now_s: float) -> float:
        """What is free now, as far as is known: `shown_bytes` of what was deleted the file system shows already."""
        self._expected_bytes = believed_bytes + nbytes
        if shown_bytes < nbytes / 2 and now_s >= self._until_s:
            self._until_s = now_s + SPACE_SHOWS_S
        return self._expected_bytes

    def written(self, nbytes: int) -> None:
        """So many bytes were written."""
        self._expected_bytes -= nbytes
