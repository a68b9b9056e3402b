"""Serves a socket of requests in a thread of its own: one, then a pause, so that a flood gets its share and no more."""

from __future__ import annotations

import os
from collections.abc import Callable

import zmq

from agent.results.endpoints import Socket
from agent.worker import CLOSE_S, Worker


class Replier:
    """`serve_one` takes in one message, answers it and says for how many seconds to pause then; `at_end`: the last."""

    def __init__(
        self, name: str, socket: Socket, serve_one: Callable[[], float], at_end: Callable[[], None] = lambda: None
    ) -> None:
        self._socket, self._serve_one, self._at_end = socket, serve_one, at_end
        self._bell = os.eventfd(0, os.EFD_NONBLOCK)
        self._worker = Worker(name, self._serve_forever)
        self._worker.start()

    def close(self, within_s: float = CLOSE_S) -> None:
        """End the thread, which releases the endpoint."""
        if self._worker.ending.is_set():
            return
        self._worker.ending.set()
        os.eventfd_write(self._bell, 1)
        if self._worker.close(within_s):
            os.close(self._bell)

    def _serve_forever(self) -> None:
        poller = zmq.Poller()
        poller.register(self._bell, zmq.POLLIN)
        poller.register(self._socket, zmq.POLLIN)
        ending = self._worker.ending
        while not ending.is_set():
            if self._socket in dict(poller.poll()):
                ending.wait(self._serve_one())
        self._at_end()
        self._socket.close()
