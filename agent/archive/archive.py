"""The archive of a running station: takes images from the journal, stores them in a thread of its own, bounded.

A disk that fails holds images back; when too many wait, further ones are lost, counted and told. Nothing else waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.archive.choice import is_uncertain, why_kept
from agent.archive.encoded import Encoded, encode
from agent.archive.kept_images import archive_folder
from agent.archive.layout import Why
from agent.archive.outage import Outage
from agent.archive.store import Store
from agent.config import Config
from agent.ending import Ending
from agent.errors import in_words
from agent.event import Event
from agent.give_way import thread_gives_way
from agent.identity import Identity
from agent.inspection import Inspection, Verdict
from agent.journal.journal import Journal
from agent.log.about import about
from agent.log.happening import Happening
from agent.messages import ResultMessage
from agent.pictures import NoPicture
from agent.plc.decision import Closed
from agent.plc.register_map import Alarm
from agent.raised import Raised
from agent.results_config import ArchiveConfig
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

WAITING_IMAGES = 64
WAITING_BYTES = 128 * 2**20
RETRY_S = 0.5
IDLE_S = 1.0
SCAN_PAUSE_S = 0.002
"""The deadline path is in the same interpreter."""
TOO_SLOW = "images come faster than the disk takes them"
NOT_THERE = "the journal's disk is too slow: its rows go without images"


@dataclass(frozen=True)
class Taken:
    """An image that is to be kept."""

    message: ResultMessage
    seen: Inspection
    why: Why
    nbytes: int


def open_archive(
    config: Config, identity: Identity, journal: Journal, raised: Raised, opened: Ending
) -> Archive | None:
    """Where the station's file asks for one: images go into it until `opened` is closed, those of the last rows too."""
    if config.archive is None:
        return None
    archive = Archive(config.archive, archive_folder(config), identity, journal.record, raised)
    opened.closes(archive)
    journal.on_completed(archive.take)
    return archive


class Archive:
    """Opens at once, whatever the disk is like; `take` listens to the journal, `tell` writes an event into it."""

    def __init__(self, config: ArchiveConfig, folder: Path, identity: Identity, tell: Callable[[Event], None],
                 raised: Raised) -> None:  # fmt: skip
        self.kept, self.dropped = 0, 0
        self._config, self._folder, self._identity, self._tell = config, folder, identity, tell
        self._store = Store(folder, identity.line, identity.station, config)
        self._outage = Outage()
        self._raised = raised
        self._waiting: deque[Taken] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._worker = Worker("archive", self._keep_forever)
        self._worker.start()

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        return {
            "archive_waiting": len(self._waiting),
            "archive_kept": self.kept,
            "archive_dropped": self.dropped,
            "archive_trouble": self._outage.trouble,
        }

    def take(self, message: ResultMessage, closed: Closed | None) -> None:
        """A completed row; never blocks."""
        why = why_kept(message, self._config)
        seen = closed.decision.evidence if closed else None
        if why is None or seen is None:
            return
        if seen.frame is None:
            if seen.judgement.verdict is not Verdict.NO_DECISION:  # what was judged was photographed
                self._failed(NOT_THERE, lost=1)
            return
        image = seen.frame.image
        taken = Taken(message, seen, why, image.nbytes + 3 * image.shape[0] * image.shape[1])
        with self._changed:
            room = len(self._waiting) < WAITING_IMAGES and self._waiting_bytes < WAITING_BYTES
            if room:
                self._waiting.append(taken)
                self._waiting_bytes += taken.nbytes
                self._changed.notify()
        if not room:
            self._failed(TOO_SLOW, lost=1)

    def close(self, within_s: float = CLOSE_S) -> None:
        """Store what waits, within that time."""
        with self._changed:
            self._worker.ending.set()
            self._changed.notify()
        self._worker.close(within_s)
        if self._waiting:
            log.warning("archive: %d images were still waiting at the end, and are lost", len(self._waiting))

    # --- the archive's thread ----------------------------------------------------------------------------------

    def _keep_forever(self) -> None:
        thread_gives_way()
        scan = self._scan()
        while True:
            taken = self._next(next(scan, IDLE_S))
            if taken is not None:
                self._keep(taken)
            elif self._worker.ending.is_set():
                return
            self._look_after()

    def _next(self, timeout_s: float) -> Taken | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._worker.ending.is_set(), timeout_s)
            return self._waiting[0] if self._waiting else None

    def _keep(self, taken: Taken) -> None:
        """Until it is there, or cannot be, or the station ends."""
        encoded = self._encoded(taken)
        while encoded is not None and not self._stored(encoded):
            with self._changed:
                if self._changed.wait_for(self._worker.ending.is_set, RETRY_S):
                    self.dropped += 1
                    break
        with self._changed:
            self._waiting.popleft()
            self._waiting_bytes -= taken.nbytes

    def _encoded(self, taken: Taken) -> Encoded | None:
        uncertain = is_uncertain(taken.message, self._config.uncertain_margin)
        classes = (taken.seen.trigger.setup or self._identity.setup).classes
        try:
            return encode(taken.message, taken.seen, taken.why, uncertain, classes)
        except NoPicture as error:
            self._failed(f"the photo of part {taken.message.part_id} is none ({error})", lost=1)
            return None

    def _stored(self, image: Encoded) -> bool:
        try:
            self._store.add(image)
        except OSError as error:
            self._failed(in_words(error))
            return False
        self.kept += 1
        with self._changed:
            self._outage.well()
        return True

    def _look_after(self) -> None:
        """What is too old goes; an outage may be over."""
        try:
            self._store.expire()
        except OSError as error:
            self._failed(in_words(error))
        else:
            with self._changed:
                if not self._waiting:
                    self._outage.well()
        with self._changed:
            restored = self._outage.over(time.monotonic())
        if restored:
            log.info("archive: %s", restored, extra=about(Happening.RECORD_GOOD))
            self._tell(Event("archive", "restored", restored))

    def _scan(self) -> Iterator[float]:
        """Each step says how long to pause after it, in s. From the start again as long as the disk does not answer."""
        while True:
            try:
                for _ in self._store.scan():
                    yield SCAN_PAUSE_S
                return
            except OSError as error:
                self._failed(in_words(error))
            yield RETRY_S

    def _failed(self, why: str, lost: int = 0) -> None:
        """In any thread."""
        with self._changed:
            self.dropped += lost
            begins = self._outage.failed(why, time.monotonic(), lost)
        if begins:
            self._raised.add(Alarm.EVIDENCE)
            log.error("archive %s: %s: images wait, then are lost; free the disk", self._folder, why,
                      extra=about(Happening.RECORD_TROUBLE))  # fmt: skip
            self._tell(Event("archive", "EVIDENCE", why))
