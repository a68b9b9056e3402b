"""The folder itself: images are added whole or not at all, and deleted whole, as the budget asks.

Whatever bears no name of this station's images is never touched and never counted. For one thread.
"""

from __future__ import annotations

import errno
import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from agent.archive.disk_budget import Ageing, DiskBudget, FreeSpace, on_disk
from agent.archive.encoded import Encoded
from agent.archive.layout import MASK, PHOTO, SIDECAR, UNFINISHED, Name, Why, days, files, stem_of
from agent.results_config import GB, ArchiveConfig

FILES_A_STEP = 500
IMAGES_A_STEP = 20
MOST_LISTED = 2000
"""A day may hold hundreds of thousands: of so many the names are kept in memory, then the folder is read again."""


class Store:
    """Nothing is done before it is asked. All raise OSError, and can be asked again."""

    def __init__(self, folder: Path, line: str, station: str, config: ArchiveConfig) -> None:
        self._folder, self._own = folder, (line, station)
        self._max_bytes = config.max_gb * GB
        self._budget = DiskBudget(math.inf, config.min_free_gb * GB)
        self._ageing = Ageing(config.keep_days, datetime.now(UTC), _now_s())
        self._free = FreeSpace()
        self._scanned = False
        self._written: dict[Name, int] = {}
        """Before the scan was done: it may come across them."""
        self._shelf: tuple[Why, str] | None = None
        self._going: list[tuple[Name, int]] = []
        """The oldest of that shelf, the oldest last."""

    def scan(self) -> Iterator[None]:
        """Count what is there and clear away what a killed process left unfinished; a step at a time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._budget.begin_anew()
        for name, nbytes in self._written.items():
            self._budget.add(name.why, name.day, nbytes)
        for day in days(self._folder):
            for seen, (name, entry) in enumerate(self._own_files(day), start=1):
                if entry.name.endswith(UNFINISHED):
                    Path(entry).unlink(missing_ok=True)
                elif name not in self._written:
                    self._budget.add(name.why, day, size_bytes(entry))
                if seen % FILES_A_STEP == 0:
                    yield
            yield
        self._scanned, self._budget.max_bytes = True, self._max_bytes
        self._written.clear()

    def add(self, image: Encoded) -> None:
        """Make room and write it. OSError: it is not there, nor any part of it that would be believed."""
        nbytes = sum(on_disk(len(data)) for _, data in image.files)
        self._make_room(nbytes)
        day = self._folder / image.name.day
        if day.is_symlink():
            raise OSError(errno.ELOOP, f"{day} is a symbolic link")
        day.mkdir(parents=True, exist_ok=True)
        _write(day, image.files)
        self._free.written(nbytes)
        self._budget.add(image.name.why, image.name.day, nbytes)
        if not self._scanned:
            self._written[image.name] = nbytes

    def expire(self) -> None:
        """Delete some of what is older than it may be."""
        oldest = self._budget.oldest() if self._scanned else None
        if oldest is not None and self._ageing.is_due(oldest[0], _now_s()):
            day, whys = oldest
            for _ in range(IMAGES_A_STEP):
                if not self._delete_oldest(whys[0], day):
                    break

    def _make_room(self, need_bytes: int) -> None:
        free_bytes = self._free.believed(self._free_bytes(), _now_s())
        while self._scanned and not self._budget.fits(need_bytes, free_bytes):
            shelf = self._budget.next_to_go()
            if shelf is None or self._budget.in_vain(need_bytes, free_bytes):
                break
            said_bytes, nbytes = self._free_bytes(), self._delete_oldest(*shelf)
            free_bytes = self._free.deleted(nbytes, free_bytes, self._free_bytes() - said_bytes, _now_s())
        if not self._budget.fits(need_bytes, free_bytes):
            raise OSError(errno.ENOSPC, "no room within archive.max_gb and archive.min_free_gb")

    def _free_bytes(self) -> int:
        self._folder.mkdir(parents=True, exist_ok=True)
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def _delete_oldest(self, why: Why, day: str) -> int:
        """One image of that shelf; how many bytes that was. 0: the shelf had to be looked into first.

        What is found there counts: somebody else may have deleted some.
        """
        if self._shelf != (why, day) or not self._going:
            self._shelf = (why, day)
            self._going, shelf_bytes = self._look_into(why, day)
            self._budget.forget(why, day)
            self._budget.add(why, day, shelf_bytes)
            return 0
        name, nbytes = self._going[-1]
        folder = self._folder / day
        for ending in (SIDECAR, MASK, PHOTO):  # what is left of it by a kill is not believed
            (folder / (name.stem + ending)).unlink(missing_ok=True)
        self._going.pop()
        self._budget.remove(why, day, nbytes)
        if not self._going:
            _remove_if_empty(folder)
        return nbytes

    def _look_into(self, why: Why, day: str) -> tuple[list[tuple[Name, int]], int]:
        """The oldest images of that shelf, the oldest last, each with its bytes; and the bytes of the whole shelf."""
        sizes, shelf_bytes = defaultdict[Name, int](int), 0
        for name, entry in self._own_files(day):
            if name.why is why and not entry.name.endswith(UNFINISHED):
                nbytes = size_bytes(entry)
                sizes[name] += nbytes
                shelf_bytes += nbytes
                if len(sizes) > 2 * MOST_LISTED:  # what goes now has so many older ones for good
                    sizes = defaultdict(int, sorted(sizes.items())[:MOST_LISTED])
        return sorted(sizes.items())[:MOST_LISTED][::-1], shelf_bytes

    def _own_files(self, day: str) -> Iterator[tuple[Name, os.DirEntry[str]]]:
        for entry in files(self._folder / day):
            name = Name.parse(day, stem_of(entry.name))
            if name is not None and (name.line, name.station) == self._own:
                yield name, entry


def _write(day: Path, written: tuple[tuple[str, bytes], ...]) -> None:
    """All under other names first, then each by its own: a kill hardly ever leaves a picture alone."""
    unfinished = [(day / (file + UNFINISHED), day / file) for file, _ in written]
    try:
        for (path, _), (_, data) in zip(unfinished, written, strict=True):
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644), "wb") as sink:
                sink.write(data)
        for path, final in unfinished:
            path.rename(final)
    except OSError:
        for path, final in unfinished:
            for begun in (path, final):
                _try_to_unlink(begun)
        raise


def _try_to_unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def size_bytes(entry: os.DirEntry[str]) -> int:
    """On disk; 0: it has been deleted meanwhile."""
    try:
        return on_disk(entry.stat(follow_symlinks=False).st_size)
    except FileNotFoundError:
        return 0


def _now_s() -> float:
    """Never set by anybody, and going on while the computer sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
