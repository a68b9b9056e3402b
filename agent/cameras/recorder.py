"""Recording while a camera works: frames pass on at once, and are stored by a thread of its own, bounded.

What cannot be stored in time is lost to the recording, never to the station.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np

from agent.cameras import Driver
from agent.cameras.inbox import Inbox
from agent.cameras.recording import RecordingWriter
from agent.errors import Fault, LinegateError, UsageError, in_words
from agent.give_way import thread_gives_way
from agent.inspection import Frame

log = logging.getLogger(__name__)

WAITING_FRAMES = 32
"""Held in memory until they are stored."""
WAITING_NOTES = 10_000
CLOSE_S = 5.0
NO_PIXELS = np.zeros((0, 0), np.uint8)


class Recorder:
    """Stores the frames it is given, no more than `most`. Raises UsageError when the folder cannot be recorded to."""

    def __init__(self, folder: Path, most: int | None = None) -> None:
        self.stored, self.lost = 0, 0
        self._taken, self._most = 0, most
        self.stopped: LinegateError | None = None
        """Why nothing more is recorded, with the remedy."""
        self._folder = folder
        self._writer = RecordingWriter(folder)
        self._waiting: deque[tuple[Frame, bool]] = deque()
        """Oldest first, and whether its pixels are lost."""
        self._pictures = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._store_forever, name="recorder", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """It has taken as many as it was to."""
        return self._most is not None and self._taken >= self._most

    def take(self, frame: Frame) -> None:
        """Never blocks: a copy of the frame waits to be stored, or a note that it is lost."""
        if self.full:
            return
        self._taken += 1
        if self.stopped or len(self._waiting) >= WAITING_NOTES:
            self.lost += 1
            return
        lost = self._pictures >= WAITING_FRAMES
        if lost:
            self.lost += 1
            if self.lost == 1:
                log.warning("recording: frames come faster than %s takes them: some are lost to it", self._folder)
        # a copy: a driver may lend the camera's own buffer, of which it has few
        kept = replace(frame, image=NO_PIXELS if lost else frame.image.copy())
        with self._changed:
            self._waiting.append((kept, lost))
            self._pictures += not lost
            self._changed.notify()

    def close(self) -> None:
        """Store what waits, for CLOSE_S at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_S)
        self.lost += self._pictures
        log.info("recording: %d frames stored in %s, %d lost", self.stored, self._folder, self.lost)

    def _store_forever(self) -> None:
        thread_gives_way()
        try:
            while (waiting := self._next()) is not None:
                self._store(*waiting)
        except UsageError as error:
            self._stop(error)
        except OSError as error:
            self._stop(Fault(f"recording to {self._folder} ends here: {in_words(error)}: record to another disk"))
        finally:
            self._writer.close()

    def _stop(self, error: LinegateError) -> None:
        self.stopped = error
        log.warning("%s; the station goes on without recording", error)

    def _next(self) -> tuple[Frame, bool] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _store(self, frame: Frame, lost: bool) -> None:
        if lost:
            self._writer.note_loss(frame, "too slow")
            return
        self._writer.store(frame)
        with self._changed:
            self._pictures -= 1
        self.stored += 1


class RecordedDriver:
    """A driver whose frames are recorded on their way to the camera."""

    def __init__(self, driver: Driver, recorder: Recorder) -> None:
        self._driver, self._recorder = driver, recorder
        self.simulated = driver.simulated

    def start(self, inbox: Inbox) -> None:
        """Frames come as they would without."""
        self._driver.start(_TappedInbox(inbox, self._recorder))

    def fire(self) -> None:
        """Ask for one frame now."""
        self._driver.fire()

    def check(self) -> None:
        """Raise Fault when the device is lost."""
        self._driver.check()

    def close(self) -> None:
        """Release the device; the recorder is closed by whoever opened it."""
        self._driver.close()


class _TappedInbox(Inbox):
    """The driver's end of another inbox."""

    def __init__(self, inbox: Inbox, recorder: Recorder) -> None:
        super().__init__()
        self._inbox, self._recorder = inbox, recorder

    def put(self, frame: Frame) -> None:
        self._inbox.put(frame)
        self._recorder.take(frame)

    def broken(self, fault: Fault) -> None:
        self._inbox.broken(fault)
