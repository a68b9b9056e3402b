"""Results over ZeroMQ: a lossy PUB for everybody, and a ROUTER that answers "since message_id N" from the journal.

One thread owns both sockets and encodes the images; a full queue drops the live message, never the row.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import cv2
import zmq
from pydantic import ValidationError

from agent.inspection import Image
from agent.journal.file import extent, open_reader, rows_since, to_message
from agent.journal.rows import Identity
from agent.plc.decision import Closed, Situation
from agent.results.endpoints import Endpoints
from agent.results.messages import (
    EventMessage,
    PayloadPart,
    ReplayReply,
    ReplayRequest,
    ResultMessage,
    StatusMessage,
    Upkeep,
    topic,
)
from agent.results_config import PublisherConfig

log = logging.getLogger(__name__)

QUEUE_LIMIT = 256
STATUS_S = 1.0


class Publisher:
    """Binds both endpoints at once (ConfigError when one is taken) and starts its thread."""

    def __init__(self, config: PublisherConfig, endpoints: Endpoints, identity: Identity, journal_path: Path) -> None:
        self._config, self._line, self._station = config, identity.line, identity.station
        self._agent_epoch = identity.agent_epoch
        self._journal_path = journal_path
        self._results, self._replay = endpoints.bind(zmq.PUB, "results"), endpoints.bind(zmq.ROUTER, "replay")
        self._situation: Callable[[], Situation] = Situation
        self._upkeep: Callable[[], Upkeep] = Upkeep
        self._queue: deque[tuple[ResultMessage | EventMessage, Closed | None]] = deque(maxlen=QUEUE_LIMIT)
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._bell_lock = threading.Lock()
        """A number of a closed file may be another file's by then: nobody rings after `close`."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve_forever, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, message: ResultMessage, closed: Closed | None) -> None:
        """Queue a completed row; never blocks. The oldest queued one gives way (the journal still has it)."""
        self._enqueue(message, closed)

    def publish_event(self, event: EventMessage) -> None:
        """As `publish`."""
        self._enqueue(event, None)

    def _enqueue(self, message: ResultMessage | EventMessage, closed: Closed | None) -> None:
        self._queue.append((message, closed))
        with self._bell_lock:
            if not self._stopping.is_set():
                os.eventfd_write(self._bell, 1)

    def on_status(self, situation: Callable[[], Situation]) -> None:
        """Ask `situation` what the PLC is being told whenever the pulse goes out."""
        self._situation = situation

    def on_upkeep(self, upkeep: Callable[[], Upkeep]) -> None:
        """Ask `upkeep` how everything beside the parts gets on whenever the pulse goes out."""
        self._upkeep = upkeep

    def close(self) -> None:
        """Send what is queued and release the endpoints; what is published after this stays in the journal."""
        with self._bell_lock:
            self._stopping.set()
            os.eventfd_write(self._bell, 1)
        self._thread.join(timeout=2.0)
        if not self._thread.is_alive():
            os.close(self._bell)

    # --- the publisher's thread --------------------------------------------------------------------------------

    def _serve_forever(self) -> None:
        history = open_reader(self._journal_path)
        poller = zmq.Poller()
        poller.register(self._bell, zmq.POLLIN)
        poller.register(self._replay, zmq.POLLIN)
        next_status_s = 0.0
        while not self._stopping.is_set():
            events = dict(poller.poll(100))
            self._send_queued()
            if self._replay in events:
                self._answer(history)
            if time.monotonic() >= next_status_s:
                self._send_status(history)
                next_status_s = time.monotonic() + STATUS_S
        self._send_queued()
        history.close()
        self._results.close()
        self._replay.close()

    def _send_queued(self) -> None:
        with suppress(BlockingIOError):  # nothing rang: the poll timed out or the other socket woke us
            os.eventfd_read(self._bell)
        while self._queue:
            message, closed = self._queue.popleft()
            payload = self._payload(closed) if closed else []
            kind = "event"
            if isinstance(message, ResultMessage):
                kind, message.parts = "result", [part for part, _ in payload]
            head = topic(self._line, self._station, kind).encode()
            self._results.send_multipart([head, message.to_bytes(), *(data for _, data in payload)])

    def _payload(self, closed: Closed) -> list[tuple[PayloadPart, bytes]]:
        seen = closed.decision.evidence
        wanted = self._config.images
        if seen is None or wanted == "none" or (wanted == "not_passed" and closed.verdict.value == "pass"):
            return []
        payload = []
        if seen.frame is not None:
            data = _encode(".jpg", seen.frame.image)
            payload.append((PayloadPart(name="frame", mime="image/jpeg", nbytes=len(data)), data))
        if seen.mask is not None:
            data = _encode(".png", seen.mask())
            payload.append((PayloadPart(name="mask", mime="image/png", nbytes=len(data)), data))
        return payload

    def _send_status(self, history: sqlite3.Connection) -> None:
        situation = self._situation()
        status = StatusMessage(
            plc_status=list(situation.status),
            alarms=list(situation.alarms),
            plc_write_gap_ms=round(situation.write_gap_ms, 3),
            plc_torn_reads=situation.torn_reads,
            inspected=situation.inspected,
            no_decisions=dict(situation.no_decisions),
            unsolicited_frames=situation.unsolicited_frames,
            upkeep=self._upkeep(),
            line=self._line,
            station=self._station,
            agent_epoch=self._agent_epoch,
            last_message_id=extent(history)[1],
            utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        self._results.send_multipart([topic(self._line, self._station, "status").encode(), status.to_bytes()])

    def _answer(self, history: sqlite3.Connection) -> None:
        """One request, one answer; a request that is not understood is told so."""
        identity, *rest = self._replay.recv_multipart()
        first, last = extent(history)
        try:
            request = ReplayRequest.model_validate_json(rest[-1] if rest else b"")
        except ValidationError as error:
            refusal = ReplayReply(
                first_message_id=first, last_message_id=last, count=0, error=str(error).splitlines()[0]
            )
            self._replay.send_multipart([identity, b"", refusal.to_bytes()])
            return
        rows = rows_since(history, request.since, request.limit)
        reply = ReplayReply(first_message_id=first, last_message_id=last, count=len(rows))
        messages = [to_message(row, self._line, self._station).to_bytes() for row in rows]
        self._replay.send_multipart([identity, b"", reply.to_bytes(), *messages])


def _encode(suffix: str, image: Image) -> bytes:
    return bytes(cv2.imencode(suffix, image)[1])
