"""Was a client let in? Its socket's monitor tells; the socket itself would wait for ever, or not try again."""

from __future__ import annotations

import errno
import time

import zmq
from zmq.utils.monitor import recv_monitor_message

from agent.errors import Fault
from agent.keys import ClientKeys

FAILED = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
HUNG_UP_TIMES = 3
"""A station that ends just then hangs up once; one that we have the wrong key of does it every time."""


class Refused(Fault):
    """The station does not let this client in."""


class Handshakes:
    """Watches one client's socket; make it before the socket connects, close it before the socket."""

    def __init__(self, socket: zmq.Socket[bytes], endpoint: str, keys: ClientKeys | None) -> None:
        self._socket, self._endpoint, self._keys = socket, endpoint, keys
        self.monitor = socket.get_monitor_socket(FAILED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        """Readable when there is something for `check` to see."""
        self._hung_up = 0

    def poll(self, timeout_ms: float) -> bool:
        """As the socket's `poll`: is there a message? Raises Refused, with why, once the client is turned away."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self.monitor, zmq.POLLIN)
        end_s = time.monotonic() + timeout_ms / 1000
        while True:
            ready = dict(poller.poll(max(0, round((end_s - time.monotonic()) * 1000))))
            if self._socket in ready or not ready:
                return bool(ready)
            self.check()

    def check(self) -> None:
        """As `poll`, without waiting and whether or not there is a message."""
        while self.monitor.poll(0):
            told = recv_monitor_message(self.monitor)
            event, value = told["event"], told["value"]
            if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                raise Refused(
                    f"the station at {self._endpoint} does not know this client's key, or not for this: its public key "
                    "belongs in the station's folder client_keys, and in client_keys/operators if it gives commands"
                )
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._hung_up = 0
            elif event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL or value != errno.ETIMEDOUT:
                self._hung_up += 1
            if self._hung_up >= HUNG_UP_TIMES or event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                raise Refused(self._other_language())

    def _other_language(self) -> str:
        if self._keys is None:
            return (
                f"the station at {self._endpoint} wants keys: give its public key and your own, --station-key and --key"
            )
        return (
            f"whoever answers at {self._endpoint} has not the key of --station-key: another station, one that has got "
            "new keys since, or one without keys"
        )

    def close(self) -> None:
        """Stop watching."""
        self._socket.disable_monitor()
        self.monitor.close()
