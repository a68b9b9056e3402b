"""The operator's hand on a running station: a REP socket, one command a message, each with the name of who gave it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import zmq
from pydantic import ValidationError

from agent.errors import Fault, UsageError
from agent.inspection import Trigger
from agent.results.endpoints import Endpoints
from agent.results.messages import ControlReply, ControlRequest

log = logging.getLogger(__name__)

POLL_MS = 100
ANSWER_MS = 3000

Command = Callable[[], Trigger | None]
"""What an operator may ask for; gives the trigger that it made, if any. Raises Fault when it is refused."""


class ControlSocket:
    """Binds at once (ConfigError when the endpoint is taken) and serves in a thread of its own."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._commands: Mapping[str, Command] = {}
        self._socket = endpoints.bind(zmq.REP, "control")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve_forever, name="control", daemon=True)
        self._thread.start()

    def serve(self, commands: Mapping[str, Command]) -> None:
        """What may be asked for from now on, and what then happens: called in that thread, must not block."""
        self._commands = commands

    def close(self) -> None:
        """End the thread and release the endpoint."""
        self._stopping.set()
        self._thread.join(timeout=2.0)

    def _serve_forever(self) -> None:
        while not self._stopping.is_set():
            if self._socket.poll(POLL_MS):
                message, *more = self._socket.recv_multipart()
                reply = ControlReply(error="not understood: one part a message") if more else self._obey(message)
                self._socket.send(reply.to_bytes())
        self._socket.close()

    def _obey(self, message: bytes) -> ControlReply:
        try:
            request = ControlRequest.model_validate_json(message)
        except ValidationError as error:
            return ControlReply(error=f"not understood: {error.errors()[0]['msg']}")
        command = self._commands.get(request.command)
        if command is None:
            known = ", ".join(self._commands) or "none yet, the station is starting"
            return ControlReply(error=f"no command '{request.command}': {known}")
        log.warning("command '%s' by %s", request.command, request.who)
        try:
            made = command()
        except Fault as refused:
            return ControlReply(error=str(refused))
        if made is None:
            return ControlReply()
        return ControlReply(plc_epoch=made.plc_epoch, trigger_seq=made.seq, part_id=made.part_id)


def take_snapshot(endpoint: str, who: str, output: Path) -> str:
    raise NotImplementedError


def give_command(endpoint: str, command: str, who: str, argument: str = "") -> ControlReply:
    """Ask a running station for `command`; its answer. Raises Fault when nobody answers or it is refused."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        try:
            socket.connect(endpoint)
        except zmq.ZMQError as error:
            raise UsageError(f"--control {endpoint} is no endpoint: give tcp://host:port") from error
        socket.send(ControlRequest(command=command, who=who, argument=argument).to_bytes())
        if not socket.poll(ANSWER_MS):
            raise Fault(f"no station answers at {endpoint}: is it running, and is this its publisher.control endpoint?")
        reply = ControlReply.model_validate_json(socket.recv())
    if reply.error:
        raise Fault(f"the station at {endpoint} refused: {reply.error}")
    return reply
