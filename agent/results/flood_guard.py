"""Puts a peer out that sends more than any client has to say, and those that are too many.

ZeroMQ has no limit for either: it stores every subscription, holds an unfinished message of many parts however long
it gets, and accepts until no file can be opened any more. With keys nobody gets so far who is not known.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import struct
import time

from agent.log.about import about
from agent.log.happening import Happening
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

LOOK_S = 0.05
MOST_BYTES = 16 * 1024
"""A peer may send so many from one look to the next: about a hundred requests."""
MOST_PEERS = 100
"""At each endpoint."""
TELL_S = 60.0
_TCP_INFO_BYTES, _RECEIVED_AT = 136, 128
"""struct tcp_info, linux/tcp.h: tcpi_bytes_received."""


class FloodGuard:
    """Looks at the connections to the watched ports twenty times a second, in a thread of its own."""

    def __init__(self) -> None:
        self.put_out_count = 0
        """Connections cut since the start."""
        self._cut: set[int] = set()
        """File descriptors, since the last look."""
        self._tell_again_s = 0.0
        self._ports: set[int] = set()
        self._received: dict[int, int] = {}
        """Bytes by file descriptor, at the last look."""
        self._worker = Worker("flood guard", self._look_forever)
        self._worker.start()

    def watch(self, endpoint: str) -> None:
        """Guard a bound TCP endpoint; what is no TCP needs no guard, as files have permissions."""
        if endpoint.startswith("tcp://"):
            self._ports.add(int(endpoint.rpartition(":")[2]))

    def put_out(self, fd: int, why: str) -> None:
        """Cut the connection, if this is still one to a watched port."""
        with _Connection(fd) as connection:
            if connection.port not in self._ports or fd in self._cut:
                return
            self._cut.add(fd)
            connection.shutdown()
            self.put_out_count += 1
        if time.monotonic() >= self._tell_again_s:  # it may come back at once, again and again
            put_out = about(Happening.ACCESS)
            log.warning("a client is put out: %s (%d so far)", why, self.put_out_count, extra=put_out)
            self._tell_again_s = time.monotonic() + TELL_S

    def close(self, within_s: float = CLOSE_S) -> None:
        """End the thread."""
        self._worker.close(within_s)

    def _look_forever(self) -> None:
        while not self._worker.ending.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        received: dict[int, int] = {}
        self._cut.clear()
        peers = dict.fromkeys(self._ports, 0)
        for fd in sorted(_file_descriptors(), key=lambda fd: fd not in self._received):
            with _Connection(fd) as connection:
                if connection.port not in peers:
                    continue
                received[fd] = connection.received()
                peers[connection.port] += 1
            if received[fd] - self._received.get(fd, 0) > MOST_BYTES:
                self.put_out(fd, f"more than {MOST_BYTES // 1024} kB in {1000 * LOOK_S:g} ms")
            elif peers[connection.port] > MOST_PEERS + 1:  # one of them is the socket that listens
                self.put_out(fd, f"more than {MOST_PEERS} at once")
        self._received = received


def _file_descriptors() -> list[int]:
    """Of this process; all that it may have, when none is left to list them by."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


class _Connection:
    """A look at a file descriptor of somebody else, who may close it at any time: it is neither copied nor closed.

    (Closing a copy of an SQLite file would take its locks away.)
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.port = 0
        """The local one; 0 when this is no TCP socket."""

    def __enter__(self) -> _Connection:
        self._socket: socket.socket | None = None
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, self._fd)
            name = self._socket.getsockname()
            self.port = name[1] if isinstance(name, tuple) else 0
        except OSError:
            self.port = 0
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.detach()

    def received(self) -> int:
        """Bytes so far; 0 once it is closed."""
        assert self._socket is not None
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            return int(struct.unpack_from("Q", info, _RECEIVED_AT)[0])
        except OSError:
            return 0

    def shutdown(self) -> None:
        assert self._socket is not None
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("it had gone by itself")
