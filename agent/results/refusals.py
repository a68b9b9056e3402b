"""How many connections one of the station's sockets has turned away, as its monitor tells."""

from __future__ import annotations

import time
from collections import Counter

import zmq
from zmq.utils.monitor import parse_monitor_message

HANDSHAKE_MS = 2000
"""Whoever has not shown a key by then is sent away."""
WATCHED = (
    zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED
)
MECHANISM, CRYPTOGRAPHIC = 0x11000002, 0x11000001
"""zmq.h: ZMQ_PROTOCOL_ERROR_ZMTP_…"""
REASONS = {MECHANISM: "no key", CRYPTOGRAPHIC: "another station's public key"}


class Refusals:
    """Make it before the socket is bound; then one thread looks, and closes it in the end.

    A peer that speaks no ZeroMQ has no event of its own: refused is whoever came, was not let in, and no longer may be.
    """

    def __init__(self, socket: zmq.Socket[bytes], name: str) -> None:
        self.total = 0
        self.reasons = Counter[str]()
        """Of those for which one is known."""
        self._socket, address = socket, f"inproc://monitor-of-{name}"
        socket.monitor(address, WATCHED)
        self._monitor = socket.context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.RCVHWM, 0)  # ZeroMQ's own thread would wait for us, and results with it
        self._monitor.connect(address)
        self._came = self._let_in = 0
        self._since_s: dict[int, float] = {}
        """Of each connection that is up, by descriptor."""

    def look(self) -> None:
        """Count what has happened since the last time."""
        now_s = time.monotonic()
        while self._monitor.poll(0):
            told = parse_monitor_message(self._monitor.recv_multipart())
            event, value = told["event"], told["value"]
            if event == zmq.EVENT_ACCEPTED:
                self._came += 1
                self._since_s[value] = now_s
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._let_in += 1
            elif event == zmq.EVENT_DISCONNECTED:
                self._since_s.pop(value, None)
            else:
                self.reasons[REASONS.get(value, "damaged messages")] += 1
        undecided = sum(now_s - since_s < HANDSHAKE_MS / 1000 for since_s in self._since_s.values())
        self.total = max(self.total, self._came - self._let_in - undecided)

    @property
    def connections(self) -> list[int]:
        """Those that were up at the last look: their file descriptors."""
        return list(self._since_s)

    def close(self) -> None:
        """The socket may be closed already; if not, it is told first: it would wait for somebody to hear its events."""
        if not self._socket.closed:
            self._socket.disable_monitor()
        self._monitor.close()
