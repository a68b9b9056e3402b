"""Follow a station's results without a gap: live messages, and the journal's replay for whatever was missed."""

from __future__ import annotations

from collections.abc import Iterator

import zmq

from agent.errors import Fault, UsageError
from agent.results.messages import MAJOR, ReplayReply, ReplayRequest, ResultMessage, StatusMessage

REPLAY_TIMEOUT_MS = 3000


def subscribe(results: str, replay: str, since: int | None = None) -> Iterator[ResultMessage]:
    """Yield completed results in order of message_id, each once, for ever.

    `results`, `replay`: the station's two endpoints. `since`: begin after this message_id; None: from now on.
    Raises UsageError for an endpoint that is none, Fault when the station does not answer a replay request.
    """
    for heard in follow(results, replay, since):
        if isinstance(heard, ResultMessage):
            yield heard


def follow(
    results: str, replay: str, since: int | None = None, patience_s: float | None = None
) -> Iterator[ResultMessage | StatusMessage | None]:
    """As `subscribe`, and the station's pulses between its results; None each time nothing came for `patience_s`."""
    live = _open(zmq.SUB, results)
    live.subscribe(f"insp/{MAJOR}/".encode())
    seen = since
    try:
        while True:
            if patience_s is not None and not live.poll(int(patience_s * 1000)):
                yield None
                continue
            message = _receive(live)
            if seen is None:
                seen = message.last_message_id if isinstance(message, StatusMessage) else None
            elif isinstance(message, ResultMessage) and message.message_id == seen + 1:
                yield message
                seen = message.message_id
            else:
                for missed in _missed(replay, seen, message):
                    yield missed
                    seen = missed.message_id
            if isinstance(message, StatusMessage):
                yield message
    finally:
        live.close()


def subscribe_status(results: str) -> Iterator[StatusMessage]:
    """Yield the station's pulse, once a second, for ever. Raises UsageError for an endpoint that is none."""
    live = _open(zmq.SUB, results)
    live.subscribe(f"insp/{MAJOR}/".encode())
    try:
        while True:
            message = _receive(live)
            if isinstance(message, StatusMessage):
                yield message
    finally:
        live.close()


def request_since(endpoint: str, message_id: int, limit: int = 500) -> list[ResultMessage]:
    """One replay request: up to `limit` completed results after `message_id`. Raises Fault without an answer."""
    socket = _open(zmq.REQ, endpoint)
    try:
        socket.send(ReplayRequest(since=message_id, limit=limit).to_bytes())
        if not socket.poll(REPLAY_TIMEOUT_MS):
            raise Fault(f"no station answers at {endpoint}: is it running, and is this its publisher.replay endpoint?")
        header, *messages = socket.recv_multipart()
    finally:
        socket.close()
    reply = ReplayReply.model_validate_json(header)
    if reply.error:
        raise Fault(f"replay at {endpoint} refused: {reply.error}")
    return [ResultMessage.model_validate_json(message) for message in messages]


def _missed(replay: str, seen: int, message: ResultMessage | StatusMessage) -> Iterator[ResultMessage]:
    """What the journal holds between `seen` and the newest id that `message` tells of."""
    newest = message.message_id if isinstance(message, ResultMessage) else message.last_message_id
    while newest > seen and (batch := request_since(replay, seen)):
        yield from batch
        seen = batch[-1].message_id


def _receive(live: zmq.Socket[bytes]) -> ResultMessage | StatusMessage:
    """The next result or status; other kinds of a newer station are passed over."""
    while True:
        topic, header = live.recv_multipart()[:2]
        if topic.endswith(b"/result/"):
            return ResultMessage.model_validate_json(header)
        if topic.endswith(b"/status/"):
            return StatusMessage.model_validate_json(header)


def _open(kind: int, endpoint: str) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close()
        raise UsageError(f"'{endpoint}' is no endpoint: give the station's, as tcp://127.0.0.1:5556") from error
    return socket
