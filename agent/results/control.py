"""The operator's hand on a running station: one command a message to a REQ socket's other end, each with a name.

Every command goes to log and journal with who, when and what came of it, before it is answered; of refused ones the
first, and how many more. The answer does not wait for the disk. The socket is a ROUTER: a REP, which speaks the
same, loses other clients' answers when somebody sends it what no REQ would.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import zmq
from pydantic import ValidationError

from agent.complaint import not_understood
from agent.errors import Fault
from agent.event import LONGEST_TEXT, Event
from agent.identity import Identity
from agent.inspection import Trigger
from agent.log.about import about
from agent.log.happening import Happening
from agent.messages import ControlReply, ControlRequest, PayloadPart
from agent.results.endpoints import Endpoints
from agent.results.refused_commands import RefusedCommands
from agent.results.replier import Replier
from agent.worker import CLOSE_S

log = logging.getLogger(__name__)

PACE_S = 0.005
"""After each command: whoever asks without end gets his turn no oftener, and leaves the rows of parts their disk."""


@dataclass(frozen=True)
class Done:
    """What a command has done: for a person, the part that it has made, and the images behind the answer."""

    detail: str = ""
    trigger: Trigger | None = None
    images: tuple[tuple[PayloadPart, bytes], ...] = ()


Command = Callable[[ControlRequest], Done]
"""What an operator may ask for. Raises Fault when it is refused."""


class ControlSocket:
    """Binds at once (ConfigError when the endpoint is taken) and serves in a thread of its own.

    `record`: writes an event down without waiting for the disk. `identity`: whose answers they are.
    """

    def __init__(self, endpoints: Endpoints, record: Callable[[Event], None], identity: Identity) -> None:
        self._endpoints, self._record, self._identity = endpoints, record, identity
        self._commands: Mapping[str, Command] = {}
        self._socket = endpoints.bind(zmq.ROUTER, "control")
        self._refused = RefusedCommands(self._write_down)
        self._replier = Replier("control", self._socket, self._serve_one, self._refused.tell_rest)

    def serve(self, commands: Mapping[str, Command]) -> None:
        """What may be asked for from now on, and what then happens: called in that thread, one after the other."""
        self._commands = commands

    def close(self, within_s: float = CLOSE_S) -> None:
        """End the thread and release the endpoint."""
        self._replier.close(within_s)

    def _serve_one(self) -> float:
        begun_s = time.monotonic()
        way_back, message = _apart(self._socket.recv_multipart(copy=False))
        if way_back:
            self._socket.send_multipart([*way_back, *self._answer(message)])
        return max(PACE_S, time.monotonic() - begun_s)

    def _answer(self, message: list[zmq.Frame]) -> list[bytes]:
        """The reply's frames; what is no command at all is told so and not written down."""
        try:
            request = _understood(message)
        except Fault as error:
            return [self._reply(f"not understood: {error}", Done()).to_bytes()]
        key, done, why_not = "", Done(), ""
        try:
            key = self._endpoints.client_of(message[0], "control")
            done = self._find(request.command)(request)
        except Fault as refused:
            why_not = str(refused)
        self._written(request, key, done.detail, why_not)
        return [self._reply(why_not, done).to_bytes(), *(data for _, data in done.images)]

    def _reply(self, why_not: str, done: Done) -> ControlReply:
        reply = ControlReply(line=self._identity.line, station=self._identity.station, error=why_not,
                             detail=done.detail, parts=[part for part, _ in done.images])  # fmt: skip
        if done.trigger:
            made = done.trigger
            reply.plc_epoch, reply.trigger_seq, reply.part_id = made.plc_epoch, made.seq, made.part_id
        return reply

    def _written(self, request: ControlRequest, key: str, detail: str, why_not: str) -> None:
        argument = f"{request.argument}: " if request.argument else ""
        came_of_it = f"refused: {why_not}" if why_not else detail
        event = Event(
            "command", request.command, f"{argument}{came_of_it}{f' (key {key})' if key else ''}", request.who
        )
        (self._refused.add if why_not else self._write_down)(event)

    def _write_down(self, event: Event) -> None:
        log.warning("command '%s' by %s: %s", event.what, event.who, event.detail,
                    extra=about(Happening.COMMAND, COMMAND=event.what, WHO=event.who))  # fmt: skip
        self._record(event)

    def _find(self, name: str) -> Command:
        command = self._commands.get(name)
        if command is None:
            known = ", ".join(self._commands) or "none yet, the station is starting"
            raise Fault(f"no command '{name}': {known}")
        return command


def _apart(frames: list[zmq.Frame]) -> tuple[list[bytes], list[zmq.Frame]]:
    """The way back to whoever asks, up to the empty frame that a REQ puts before its message, and the message."""
    ends = [number for number, frame in enumerate(frames) if number and not frame.bytes]
    if not ends:
        return [], []
    return [frame.bytes for frame in frames[: ends[0] + 1]], frames[ends[0] + 1 :]


def _understood(message: list[zmq.Frame]) -> ControlRequest:
    """Raises Fault for whatever no `linegate` sends."""
    if len(message) != 1:
        raise Fault("one part a message")
    try:
        request = ControlRequest.model_validate_json(message[0].bytes)
    except ValidationError as error:
        raise Fault(not_understood(error, ControlRequest)) from error
    for name in ("command", "who", "argument"):
        text: str = getattr(request, name)
        if len(text) > LONGEST_TEXT or not text.isprintable():
            raise Fault(f"'{name}' has more than {LONGEST_TEXT} characters, or some that cannot be printed")
    return request
