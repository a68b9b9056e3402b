"""Where an image lies: `<folder>/<UTC day>/<UTC time>_<message_id>_<line>.<station>_<why>` and three endings.

`.png` the photo, lossless · `.mask.png` class index in the photo's pixels · `.json` the sidecar, written last: a
picture without one is not believed. Names sort as time does, and say all that must be known to delete: no file need
be opened. A symbolic link is never one of ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

PHOTO, MASK, SIDECAR = ".png", ".mask.png", ".json"
UNFINISHED = ".unfinished"
"""Added to a name while the file is written."""
_DAY = "%Y-%m-%d"
_STEM = re.compile(
    r"(?P<time>\d{6}-\d{3})_(?P<message_id>\d+)_(?P<line>[A-Za-z0-9_-]+)\.(?P<station>[A-Za-z0-9_-]+)_"
    r"(?P<why>reject|no_decision|uncertain|sample)"
)
_FILE = re.compile(rf"(?P<stem>{_STEM.pattern})(?:\.png|\.mask\.png|\.json)(?:{re.escape(UNFINISHED)})?", re.ASCII)
_DAY_FOLDER = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class Why(StrEnum):
    """Why an image is kept, from what is deleted first to the evidence that goes last."""

    SAMPLE = "sample"
    UNCERTAIN = "uncertain"
    NO_DECISION = "no_decision"
    REJECT = "reject"


@dataclass(frozen=True, order=True, slots=True)
class Name:
    """One image's files. `decided`: UTC, to the millisecond."""

    decided: datetime
    message_id: int
    line: str
    station: str
    why: Why

    @property
    def day(self) -> str:
        """The folder it lies in."""
        return f"{self.decided:{_DAY}}"

    @property
    def stem(self) -> str:
        """Of its files, without folder and ending."""
        time = f"{self.decided:%H%M%S}-{self.decided.microsecond // 1000:03d}"
        return f"{time}_{self.message_id}_{self.line}.{self.station}_{self.why}"

    @classmethod
    def parse(cls, day: str, stem: str) -> Self | None:
        """None: no name of ours."""
        found = _STEM.fullmatch(stem)
        if found is None:
            return None
        try:
            decided = datetime.strptime(f"{day} {found['time']}000", f"{_DAY} %H%M%S-%f").replace(tzinfo=UTC)
        except ValueError:  # the 31st of a short month
            return None
        return cls(decided, int(found["message_id"]), found["line"], found["station"], Why(found["why"]))


def days(folder: Path) -> list[str]:
    """The folders of days, oldest first; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if _DAY_FOLDER.fullmatch(e.name) and e.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The plain files in a day's folder; one at a time, for there may be a million."""
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))
    except FileNotFoundError:
        return


def stem_of(file: str) -> str:
    """The stem in the name of a file, finished or not; "" = it is none of ours."""
    found = _FILE.fullmatch(file)
    return found["stem"] if found else ""
