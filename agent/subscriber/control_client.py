"""A command to a running station, and its answer."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import zmq

from agent.errors import Fault, UsageError
from agent.keys import ClientKeys
from agent.messages import ControlReply, ControlRequest
from agent.new_file import new_file
from agent.subscriber.replay_client import connected

ANSWER_MS = 3000


def give_command(
    endpoint: str, command: str, who: str, argument: str = "", keys: ClientKeys | None = None
) -> ControlReply:
    """Ask the station for `command`; its answer. Raises Fault when nobody answers or it is refused."""
    return _ask(endpoint, ControlRequest(command=command, who=who, argument=argument), keys)[0]


def take_snapshot(endpoint: str, who: str, output: Path, keys: ClientKeys | None = None) -> str:
    """Write the newest photo to `output`, its mask beside it as NAME.mask.png; what it shows, for a person.

    Raises UsageError when one of the files is there already, or cannot be, Fault when the disk fails.
    """
    if output.suffix != ".png":
        raise UsageError(f"--output {output}: the photo is written as PNG: give a name that ends in .png")
    if not output.parent.is_dir():
        raise UsageError(f"--output {output}: there is no folder {output.parent}: create it, or give another name")
    paths = {"frame": output, "mask": output.with_suffix(".mask.png")}
    for path in paths.values():
        if path.exists():
            raise UsageError(f"--output {output}: {path} is there already: give another name, or remove it")
    reply, *images = _ask(endpoint, ControlRequest(command="snapshot", who=who), keys)
    with ExitStack() as files:  # both or none
        for part, data in zip(reply.parts, images, strict=True):
            files.enter_context(new_file("--output", paths[part.name])).write_bytes(data)
    written = " and ".join(str(paths[part.name]) for part in reply.parts)
    return said_by(reply, f"{written}: {reply.detail}")


def said_by(reply: ControlReply, text: str) -> str:
    """Which station has answered, and this: there may be two on a computer."""
    return f"{reply.line}/{reply.station}: {text}" if reply.station else text


def _ask(endpoint: str, request: ControlRequest, keys: ClientKeys | None) -> tuple[ControlReply, *tuple[bytes, ...]]:
    """The reply and the payload frames behind it."""
    socket, handshakes = connected(zmq.REQ, endpoint, keys)
    try:
        with suppress(zmq.Again):  # turned away by now: `poll` says why
            socket.send(request.to_bytes(), zmq.NOBLOCK)
        if not handshakes.poll(ANSWER_MS):
            raise Fault(f"no station answers at {endpoint}: is it running, and is this its publisher.control endpoint?")
        header, *images = socket.recv_multipart()
    finally:
        handshakes.close()
        socket.close()
    reply = ControlReply.model_validate_json(header)
    if reply.error:
        raise Fault(f"the station at {endpoint} refused: {reply.error}")
    return reply, *images
