"""The station's ZeroMQ endpoints: one context for all of them, bound at once, or one clear line why not."""

from __future__ import annotations

import zmq

from agent.errors import ConfigError
from agent.results_config import PublisherConfig

SEND_HIGH_WATER = 64
LINGER_MS = 200
Socket = zmq.Socket[bytes]


class Endpoints:
    """Close it when the threads that own its sockets have ended."""

    def __init__(self, config: PublisherConfig) -> None:
        self._config = config
        self._context = zmq.Context()

    def bind(self, kind: int, what: str) -> Socket:
        """A socket of `kind` at publisher.`what`, for the one thread that will use it and close it.

        ConfigError, everything closed, when it cannot be had.
        """
        endpoint: str = getattr(self._config, what)
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, LINGER_MS)
        socket.setsockopt(zmq.SNDHWM, SEND_HIGH_WATER)
        try:
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise ConfigError(
                f"publisher.{what} = '{endpoint}': {error.strerror.lower()}: "
                "stop the other program or choose another endpoint"
            ) from error
        return socket

    def close(self) -> None:
        """Release all of them; what is still to be sent has a moment."""
        self._context.destroy(linger=LINGER_MS)
