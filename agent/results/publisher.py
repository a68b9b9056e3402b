"""Results, events and the station's pulse over ZeroMQ: a lossy XPUB for everybody. A gap is filled by the replay.

One thread owns the socket and encodes the images. Nobody waits for it, and it waits for no peer: when it is behind,
images are left out first, then the oldest messages, never a row of the journal.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import zmq

from agent.identity import Identity
from agent.inspection import Inspection
from agent.messages import EventMessage, ResultMessage, StatusMessage, topic
from agent.plc.decision import Closed
from agent.results.endpoints import Endpoints
from agent.results.live_images import LiveImages
from agent.results.subscriptions import Subscriptions
from agent.results_config import PublisherConfig
from agent.utc import utc_now
from agent.worker import CLOSE_S, Worker

QUEUE_LIMIT = 1000
QUEUED_IMAGE_BYTES = 64_000_000
"""Of photos as the camera gave them."""
FOR_EACH_PEER, FOR_EACH_PEER_WITH_IMAGES = 1000, 32
"""Messages that may wait in ZeroMQ: about 1 kB each, or 1 MB with the photo of a 5 MP camera."""
STATUS_S, GREETING_S = 1.0, 0.1


class Publisher:
    """Binds at once (ConfigError when the endpoint is taken) and starts its thread, in which `beat` makes the pulse."""

    def __init__(
        self, config: PublisherConfig, endpoints: Endpoints, identity: Identity, beat: Callable[[], StatusMessage]
    ) -> None:
        self.dropped = 0
        """Messages that gave way to newer ones."""
        self._beat = beat
        self._topics = {
            kind: topic(identity.line, identity.station, kind).encode() for kind in ("result", "event", "status")
        }
        self._images = LiveImages(config.images)
        self._lock = threading.Lock()
        """Over all down to the bell. (Nobody rings after `close`: its number may be another file's by then.)"""
        self._last_message_id = self._last_event_id = 0
        self._queue: deque[tuple[ResultMessage | EventMessage, Inspection | None]] = deque()
        self._queued_bytes = 0
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        waiting = FOR_EACH_PEER if config.images == "none" else FOR_EACH_PEER_WITH_IMAGES
        self._socket = endpoints.bind(zmq.XPUB, "results", waiting)
        self._subscriptions = Subscriptions(self._socket, endpoints.guard)
        self._worker = Worker("publisher", self._serve_forever)
        self._worker.start()

    def publish(self, message: ResultMessage, closed: Closed | None) -> None:
        """Queue a completed row; never blocks."""
        self.record_reaches(message.message_id, 0)
        self._enqueue(message, self._images.of(closed))

    def publish_event(self, event: EventMessage) -> None:
        """As `publish`."""
        self.record_reaches(0, event.event_id)
        self._enqueue(event, None)

    @property
    def waiting(self) -> int:
        """Messages that are not sent yet, now."""
        return len(self._queue)

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        return {"live_waiting": self.waiting, "live_dropped": self.dropped}

    def record_reaches(self, message_id: int, event_id: int) -> None:
        """The journal holds what has these ids, and what came before."""
        with self._lock:
            self._last_message_id = max(self._last_message_id, message_id)
            self._last_event_id = max(self._last_event_id, event_id)

    def close(self, within_s: float = CLOSE_S) -> None:
        """Send what is queued and release the endpoint; what is published after this stays in the journal."""
        with self._lock:
            self._worker.ending.set()
            os.eventfd_write(self._bell, 1)
        if self._worker.close(within_s):
            os.close(self._bell)

    def _enqueue(self, message: ResultMessage | EventMessage, seen: Inspection | None) -> None:
        with self._lock:
            if self._worker.ending.is_set():
                return
            if self._queued_bytes and self._queued_bytes + _nbytes(seen) > QUEUED_IMAGE_BYTES:
                seen = None
            if len(self._queue) >= QUEUE_LIMIT:
                self._queued_bytes -= _nbytes(self._queue.popleft()[1])
                self.dropped += 1
            self._queue.append((message, seen))
            self._queued_bytes += _nbytes(seen)
            os.eventfd_write(self._bell, 1)

    # --- the publisher's thread --------------------------------------------------------------------------------

    def _serve_forever(self) -> None:
        poller = zmq.Poller()
        poller.register(self._bell, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        status, taken_s, sent_s = self._beat(), 0.0, 0.0
        while not self._worker.ending.is_set():
            poller.poll(0 if self._queue else 100)
            self._subscriptions.take()
            self._send_queued(taken_s + STATUS_S)
            now_s = time.monotonic()
            greet = now_s - sent_s >= GREETING_S and self._subscriptions.any_new(self._topics["status"])
            if now_s - taken_s >= STATUS_S:  # whoever comes and goes all the time must not hear the same one for ever
                status, taken_s = self._beat(), now_s
            elif not greet:
                continue
            self._socket.send_multipart([self._topics["status"], status.model_copy(update=self._reach()).to_bytes()])
            sent_s = now_s
        self._send_queued(math.inf)
        self._socket.close()

    def _send_queued(self, until_s: float) -> None:
        """One message at least; what does not get its turn until then waits, for the pulse cannot."""
        with suppress(BlockingIOError):  # nothing rang: the poll timed out or the other socket woke us
            os.eventfd_read(self._bell)
        while self._queue:
            self._send_next()
            if time.monotonic() >= until_s:
                return

    def _send_next(self) -> None:
        with self._lock:
            message, seen = self._queue.popleft()
            self._queued_bytes -= _nbytes(seen)
        if isinstance(message, EventMessage):
            self._socket.send_multipart([self._topics["event"], message.to_bytes()])
            return
        payload = self._images.encode(seen) if seen and self._subscriptions.include(self._topics["result"]) else []
        header = message.model_copy(update={"parts": [part for part, _ in payload]})
        self._socket.send_multipart([self._topics["result"], header.to_bytes(), *(frame for _, frame in payload)])

    def _reach(self) -> dict[str, Any]:
        """How far the record goes, now."""
        return {
            "last_message_id": self._last_message_id,
            "last_event_id": self._last_event_id,
            "utc": utc_now(),
        }


def _nbytes(seen: Inspection | None) -> int:
    return seen.frame.image.nbytes if seen and seen.frame else 0
