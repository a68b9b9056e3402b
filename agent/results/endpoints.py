"""The station's ZeroMQ endpoints: one context for all of them, bound at once, or one clear line why not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

from agent.errors import ConfigError
from agent.event import Event
from agent.log.about import about
from agent.log.happening import Happening
from agent.results.authenticator import Authenticator
from agent.results.clients import load_access
from agent.results.exposure import exposed
from agent.results.flood_guard import FloodGuard
from agent.results.limits import LINGER_MS, limit
from agent.results_config import PublisherConfig
from agent.worker import CLOSE_S

log = logging.getLogger(__name__)

Socket = zmq.Socket[bytes]
RESULTS_THREAD, OTHERS_THREAD = 1, 2
"""Of ZeroMQ: what floods the other endpoints does not hold up the results."""


class Endpoints:
    """Close it when the threads that own its sockets have ended. ConfigError for keys that cannot be used."""

    def __init__(self, config: PublisherConfig) -> None:
        self._config = config
        self._sockets: dict[str, Socket] = {}
        access = load_access(config)
        self._context = zmq.Context(io_threads=2)
        self.guard = FloodGuard()
        self._authenticator = Authenticator(self._context, *access, self.guard.put_out) if access else None

    def bind(self, kind: int, what: str, waiting: int = 4) -> Socket:
        """A socket of `kind` at publisher.`what`, for the one thread that will use it and close it.

        At most `waiting` messages wait for each peer.

        ConfigError when it cannot be had.
        """
        endpoint: str = getattr(self._config, what)
        socket = self._context.socket(kind)
        limit(socket, waiting)
        socket.setsockopt(zmq.AFFINITY, RESULTS_THREAD if what == "results" else OTHERS_THREAD)
        socket.setsockopt(zmq.IPV6, "[" in endpoint)
        if self._authenticator:
            self._authenticator.guard(socket, what)
        try:
            socket.bind(endpoint)
        except zmq.ZMQError as error:
            socket.close()  # not the others: their threads are at work
            raise ConfigError(
                f"publisher.{what} = '{endpoint}': {error.strerror.lower()}: "
                "stop the other program or choose another endpoint"
            ) from error
        self.guard.watch(endpoint)
        self._sockets[what] = socket
        return socket

    def report_to(self, record: Callable[[Event], None]) -> None:
        """Have `record`, which must not block, write down who is refused, and that the network is open to everybody."""
        if warning := exposed(self._config):
            log.warning("%s", warning, extra=about(Happening.ACCESS))
            record(Event("access", "OPEN", warning))
        if self._authenticator:
            self._authenticator.report_to(record)

    def upkeep(self) -> dict[str, Any]:
        """Its part of what the pulse says."""
        return {"clients_refused": self.refused, "clients_put_out": self.guard.put_out_count}

    @property
    def refused(self) -> int:
        """Connections that were turned away: without a key that is known here."""
        return self._authenticator.refused if self._authenticator else 0

    def client_of(self, message: zmq.Frame, what: str) -> str:
        """The name of the key that `message` came with at publisher.`what`; "" at a station without keys.

        Raises Fault when that key has been withdrawn since. Receive with copy=False to have a Frame.
        """
        return self._authenticator.client_of(message, what) if self._authenticator else ""

    def close(self, within_s: float = CLOSE_S) -> None:
        """Release all of them; what is still to be sent has a moment."""
        end_s = time.monotonic() + within_s
        ended = self._authenticator.close(within_s) if self._authenticator else True
        self.guard.close(end_s - time.monotonic())
        in_use = [what for what, socket in self._sockets.items() if not socket.closed]
        if in_use or not ended:  # a socket is closed by its thread alone: doing it here could end the process
            log.error("publisher: still in use at the end, and left so: %s", ", ".join(in_use) or "the authenticator")
            return
        self._context.destroy(linger=LINGER_MS)
