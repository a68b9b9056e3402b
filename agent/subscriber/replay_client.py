"""Asking a station's replay endpoint for what its journal holds: in one call, or beside other sockets."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from contextlib import suppress

import zmq

from agent.errors import Fault, UsageError
from agent.keys import ClientKeys, secured
from agent.messages import GREATEST_ID, EventMessage, ReplayReply, ReplayRequest, ResultMessage
from agent.subscriber.handshakes import Handshakes

REPLAY_TIMEOUT_MS = 3000
PAGE = 500
MOST = 1000
"""`ReplayRequest.last`."""
CONNECT_TIMEOUT_MS = 3000
Answer = tuple[ReplayReply, list[ResultMessage | EventMessage]]


class Asking:
    """One question at a time, its answer when it comes; an answer that does not come leaves nothing behind."""

    def __init__(self, endpoint: str, keys: ClientKeys | None = None) -> None:
        self.endpoint, self._keys = endpoint, keys
        self._asked_s: float | None = None
        self._request = ReplayRequest()
        self._connect()

    @property
    def waiting(self) -> bool:
        """An answer is to come."""
        return self._asked_s is not None

    @property
    def overdue(self) -> bool:
        """It should have come by now."""
        return self._asked_s is not None and time.monotonic() - self._asked_s > REPLAY_TIMEOUT_MS / 1000

    def ask(self, request: ReplayRequest) -> None:
        """Send it; `socket` is readable when its answer is there."""
        self._request, self._asked_s = request, time.monotonic()
        with suppress(zmq.Again):  # nobody to send it to: then it is overdue some time
            self.socket.send(request.to_bytes(), zmq.NOBLOCK)

    def answer(self) -> Answer:
        """What has come. Raises Fault when the station refuses the question, ValidationError for what is no answer."""
        header, *messages = self.socket.recv_multipart()
        self._asked_s = None
        reply = ReplayReply.model_validate_json(header)
        if reply.error:
            raise Fault(f"replay at {self.endpoint} refused: {reply.error}")
        kind = ResultMessage if self._request.kind == "result" else EventMessage
        return reply, [kind.model_validate_json(message) for message in messages]

    def forget(self) -> None:
        """The answer will not come: the next question goes over a new connection."""
        self.close()
        self._asked_s = None
        self._connect()

    def close(self) -> None:
        """Hang up."""
        self.handshakes.close()
        self.socket.close()

    def _connect(self) -> None:
        self.socket, self.handshakes = connected(zmq.REQ, self.endpoint, self._keys)


def connected(
    kind: int, endpoint: str, keys: ClientKeys | None, high_water: int = 1
) -> tuple[zmq.Socket[bytes], Handshakes]:
    """A client's socket that reconnects by itself; it keeps `high_water` messages that nobody takes.

    Without ZeroMQ's heartbeats: libzmq 4.3.5 ends the process by them when its program is slow (issues 3937, 4767).
    Raises UsageError for an endpoint that is none.
    """
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    for option, value in {
        zmq.LINGER: 0,
        zmq.IPV6: "[" in endpoint,
        zmq.RCVHWM: high_water,
        zmq.CONNECT_TIMEOUT: CONNECT_TIMEOUT_MS,
    }.items():
        socket.setsockopt(option, value)
    secured(socket, keys)
    handshakes = Handshakes(socket, endpoint, keys)
    try:
        if not _has_port(endpoint):
            raise zmq.ZMQError(errno.EINVAL)  # libzmq would try for ever
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        handshakes.close()
        socket.close()
        raise UsageError(f"'{endpoint}' is no endpoint: give the station's, as tcp://127.0.0.1:5556") from error
    return socket, handshakes


def _has_port(endpoint: str) -> bool:
    port = endpoint.rpartition(":")[2]
    return not endpoint.startswith("tcp://") or (port.isdecimal() and 0 < int(port) < 65536)


def ask_once(endpoint: str, request: ReplayRequest, keys: ClientKeys | None = None) -> Answer:
    """One question and its answer. Raises Fault without one, or when it is refused."""
    asking = Asking(endpoint, keys)
    try:
        asking.ask(request)
        while not asking.socket.poll(100):
            asking.handshakes.check()
            if asking.overdue:
                raise Fault(
                    f"no station answers at {endpoint}: is it running, and is this its publisher.replay endpoint?"
                )
        return asking.answer()
    finally:
        asking.close()


def require_since(since: int | None) -> None:
    """Raises UsageError for a number that no message has."""
    if since is not None and not (isinstance(since, int) and 0 <= since <= GREATEST_ID):
        raise UsageError(f"since = {since!r}: give the id of the last message you have; 0 = from the beginning")


def history(
    replay: str,
    *,
    since: int = 0,
    from_utc: str | None = None,
    to_utc: str | None = None,
    last: int | None = None,
    keys: ClientKeys | None = None,
) -> Iterator[ResultMessage]:
    """Yield what the station's journal holds now, oldest first: those results that meet all that is given.

    `since`: after this message_id. `from_utc`, `to_utc`: decided at or after the one and before the other, ISO 8601
    with offset. `last`: the newest so many, at most 1000. Raises UsageError for numbers beyond that, Fault when no
    station answers, or it refuses.
    """
    require_since(since)
    if last is not None and not 1 <= last <= MOST:
        raise UsageError(f"last = {last!r}: give 1 to {MOST}, or leave it out for all")
    while True:
        request = ReplayRequest(since=since, from_utc=from_utc, to_utc=to_utc, last=last, limit=PAGE)
        _, messages = ask_once(replay, request, keys)
        for message in messages:
            if isinstance(message, ResultMessage):
                yield message
                since = message.message_id
        if last is not None or not messages:
            return
