"""The replay endpoint: a ROUTER that answers "since message_id N", "between two times", "the last N" from the journal.

A thread and a connection of its own, and a share of the time only: a flood of requests delays no live result.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

import zmq
from pydantic import ValidationError

from agent.complaint import not_understood
from agent.errors import ConfigError
from agent.identity import Identity
from agent.journal.history import event_extent, extent, open_reader
from agent.journal.replay import replay
from agent.messages import ReplayReply, ReplayRequest
from agent.results.endpoints import Endpoints
from agent.results.replier import Replier
from agent.worker import CLOSE_S

log = logging.getLogger(__name__)

SHARE = 0.25
"""Of a processor, at most, for answers; clients get them in turn."""
BREATHE_EVERY, BREATHE_S = 100, 0.002
"""Of requests that nobody hears the answer of: a flood of them leaves the interpreter to others half of the time."""
ANSWER_BYTES = 2_000_000
"""An answer ends before it is longer; 1,000 results are half of that as a rule."""
JOURNAL_WAIT_S = 0.2
UNREADABLE = "the journal cannot be read now: ask again"


class HistoryServer:
    """Binds at once (ConfigError when the endpoint is taken) and serves in a thread of its own."""

    def __init__(self, endpoints: Endpoints, identity: Identity, journal_path: Path) -> None:
        self.dropped = 0
        """Requests whose client had not read the answer before: ZeroMQ holds one for each."""
        self._line, self._station = identity.line, identity.station
        self._path = journal_path
        self._history: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        """Device and inode of what `_history` reads."""
        self._socket = endpoints.bind(zmq.ROUTER, "replay", waiting=1)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._replier = Replier("history", self._socket, self._serve_one, self._forget_journal)

    def close(self, within_s: float = CLOSE_S) -> None:
        """End the thread and release the endpoint."""
        self._replier.close(within_s)

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        return {"replays_dropped": self.dropped}

    def _serve_one(self) -> float:
        """One request, one answer; one that is not understood is told so. How long to pause after it, in s."""
        begun_s = time.thread_time()  # waiting for disk or processor takes nothing from the parts, and needs no pause
        client, *request = self._socket.recv_multipart()
        try:
            self._socket.send(client, zmq.SNDMORE | zmq.NOBLOCK)
        except zmq.ZMQError:  # it has not read its last answer, or has gone: nothing is looked up for it
            self.dropped += 1
            return BREATHE_S if self.dropped % BREATHE_EVERY == 0 else 0.0
        reply, messages = self._answer(request[-1] if request else b"")
        self._socket.send_multipart([b"", reply.to_bytes(), *messages])
        return (time.thread_time() - begun_s) * (1 / SHARE - 1)

    def _answer(self, request: bytes) -> tuple[ReplayReply, list[bytes]]:
        first = last = 0
        messages: list[bytes] = []
        error = ""
        try:
            history = self._open_journal()
            first, last = extent(history)
            asked = ReplayRequest.model_validate_json(request)
            if asked.kind == "event":
                first, last = event_extent(history)
            messages = _that_fit(replay(history, asked, self._line, self._station), newest=asked.last is not None)
        except ValidationError as invalid:
            error = f"not understood: {not_understood(invalid, ReplayRequest)}"
        except (ValueError, OverflowError) as unclear:
            error = str(unclear)
        except (sqlite3.Error, ConfigError, OSError) as unreadable:
            log.warning("replay: %s", unreadable)
            self._forget_journal()
            error = UNREADABLE
        return ReplayReply(first_message_id=first, last_message_id=last, count=len(messages), error=error), messages

    def _open_journal(self) -> sqlite3.Connection:
        """The file at the path now: another may have taken its place."""
        status = self._path.stat()
        file = status.st_dev, status.st_ino
        if self._history is None or self._file != file:
            self._forget_journal()
            self._history, self._file = open_reader(self._path, JOURNAL_WAIT_S), file
        return self._history

    def _forget_journal(self) -> None:
        if self._history is not None:
            self._history.close()
        self._history = None


def _that_fit(messages: list[bytes], newest: bool) -> list[bytes]:
    """As many as an answer holds, at least one: the oldest of them, or the newest."""
    kept, nbytes = 0, 0
    for message in reversed(messages) if newest else messages:
        nbytes += len(message)
        if kept and nbytes > ANSWER_BYTES:
            break
        kept += 1
    return messages[len(messages) - kept :] if newest else messages[:kept]
