"""What waits for the writer: in order, and never without bound.

While a disk takes nothing, decisions wait in memory. What gives way, in this order: the images of the parts, then what
was seen on them, then whole rows; those are counted, and one gap row says how many and what their verdicts were. Of
events there may wait so many; further ones are counted, and one more event says how many.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from agent.inspection import Trigger, Verdict
from agent.journal.rows import without_images
from agent.plc.decision import Closed, Decision

IMAGES_WAITING = 64
"""So many entries may wait with the images of their parts; there are two entries a part …"""
IMAGE_BYTES_WAITING = 128 * 2**20
"""… fewer where images are large; there is always room for those of one part …"""
EVIDENCE_WAITING = 10_000
"""… so many with defects and scores …"""
ROWS_WAITING = 100_000
"""… and so many at all: 40 minutes at 20 parts/s."""
EVENTS_WAITING = 10_000
Work = Callable[[], None]


@dataclass(frozen=True)
class Unrecorded:
    """Parts that got no row: how many of each verdict, and the trigger of the last."""

    verdicts: Counter[str]
    last: Trigger

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()))
        return f"{self.verdicts.total()} parts have no row, as the disk took none for too long: {counts}"


@dataclass
class Backlog:
    """Filled by any thread, emptied by the writer's; both ask it how things stand."""

    rows_waiting: int = ROWS_WAITING
    _queue: SimpleQueue[tuple[int, Work | None]] = field(default_factory=SimpleQueue)
    _since_ns: int = 0
    """When what is being written now was put in; 0 = nothing is."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refused: dict[tuple[int, int], Decision] = field(default_factory=dict)
    """Decisions without a row whose parts have not ended, by trigger key."""
    _unrecorded: Unrecorded | None = None
    _events_waiting: int = 0
    _events_lost: int = 0

    def put(self, work: Work | None) -> None:
        """Add to the end; None = there will be no more."""
        self._queue.put((time.monotonic_ns(), work))

    def get(self) -> Work | None:
        """Wait for the next; until `done` it counts as waiting."""
        since_ns, work = self._queue.get()
        self._since_ns = since_ns
        return work

    def done(self) -> None:
        """What `get` gave last is written."""
        self._since_ns = 0

    @property
    def waiting(self) -> int:
        """How much is yet to be written."""
        return self._queue.qsize() + bool(self._since_ns)

    def late_s(self) -> float:
        """How long the oldest has been waiting."""
        since_ns = self._since_ns
        return (time.monotonic_ns() - since_ns) / 1e9 if since_ns else 0.0

    def takes(self, decision: Decision, verdict: Verdict, write_gap: Work) -> bool:
        """Is there room for its row? If not `verdict` is counted, and `write_gap` goes to the end: the gap begins."""
        with self._lock:
            if self._queue.qsize() < self.rows_waiting:
                return True
            if self._unrecorded is None:
                self.put(write_gap)
            before = self._unrecorded.verdicts if self._unrecorded else Counter[str]()
            self._unrecorded = Unrecorded(before + Counter([verdict.value]), decision.trigger)
            self._refused[decision.trigger.key] = decision
            return False

    def take_unrecorded(self) -> Unrecorded | None:
        """What has got no row since this was last asked."""
        with self._lock:
            unrecorded, self._unrecorded = self._unrecorded, None
            return unrecorded

    @property
    def unrecorded(self) -> int:
        """How many parts that is now."""
        return self._unrecorded.verdicts.total() if self._unrecorded else 0

    def put_event(self, write: Work) -> None:
        """As `put`; beyond EVENTS_WAITING it is counted instead."""
        with self._lock:
            if self._events_waiting >= EVENTS_WAITING:
                self._events_lost += 1
                return
            self._events_waiting += 1
        self.put(write)

    def event_written(self) -> int:
        """One waits no longer. When it was the last: how many were not put in since this was last said."""
        with self._lock:
            self._events_waiting -= 1
            if self._events_waiting:
                return 0
            lost, self._events_lost = self._events_lost, 0
            return lost

    def lightened(self, closed: Closed) -> Closed | None:
        """The end of a part with as much as memory has room for; None = it has no row."""
        with self._lock:
            if self._refused.pop(closed.decision.trigger.key, None):
                return None
        waiting, seen = self._queue.qsize(), closed.decision.evidence
        if seen is None:
            return closed
        nbytes = seen.frame.image.nbytes if seen.frame else 0
        if waiting <= IMAGES_WAITING and (waiting - 2) * nbytes <= IMAGE_BYTES_WAITING:
            return closed
        if waiting <= EVIDENCE_WAITING:
            return without_images(closed)
        return replace(closed, decision=replace(closed.decision, evidence=None))
