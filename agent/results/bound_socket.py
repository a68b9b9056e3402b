"""The station's ZeroMQ endpoints: bound at once, or one clear line why not."""

from __future__ import annotations

import zmq

from agent.errors import ConfigError

SEND_HIGH_WATER = 64


def bound_socket(context: zmq.Context[zmq.Socket[bytes]], kind: int, endpoint: str, what: str) -> zmq.Socket[bytes]:
    """A socket of `kind` at `endpoint`, which is publisher.`what`. ConfigError, the context ended, when it is taken."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 200)
    socket.setsockopt(zmq.SNDHWM, SEND_HIGH_WATER)
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        context.destroy(linger=0)
        raise ConfigError(
            f"publisher.{what} = '{endpoint}': {error.strerror.lower()}: "
            "stop the other program or choose another endpoint"
        ) from error
    return socket
