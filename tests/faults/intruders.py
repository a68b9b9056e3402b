"""Whoever should not get into a station with keys: each kind knocks at all its endpoints, so many times a second.

`python -m tests.faults.intruders ENDPOINTS.json --rate 1000 --seconds 5`; in the end one line of JSON says how many
connections were made and what was heard, which must be nothing. ENDPOINTS.json is what `Target` holds.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

import zmq
from zmq.utils.monitor import recv_monitor_message

from agent.messages import ControlRequest, ReplayRequest

STAYS_S = 0.3
TURN_S = 0.02
MOST_AT_ONCE = 600
"""On a busy computer it falls behind rather than come all at once."""
GREETING_BYTES = 64 + 256
"""What a station says before it knows with whom it speaks: its greeting, and a WELCOME or an ERROR."""
ZMTP_3 = b"\xff" + bytes(8) + b"\x7f\x03\x00"
CURVE_GREETING = ZMTP_3 + b"CURVE".ljust(20, b"\0") + bytes(32)
GARBAGE = (
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    bytes(range(256)) * 4,
    b"\x01\x00\x01\x00\x01\x01",  # ZMTP 1.0, and a subscription to everything
    b"\xff" + bytes(8) + b"\x7f\x01\x02\x00\x00\x00\x01\x01",  # ZMTP 2.0, the same
    ZMTP_3 + b"NULL".ljust(20, b"\0") + bytes(32) + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB",
    CURVE_GREETING,
    CURVE_GREETING + b"\x04\xc8\x05HELLO" + bytes(194),
    CURVE_GREETING + b"\x06" + b"\xff" * 8,  # a command of 2^64 bytes
)


@dataclass(frozen=True)
class Target:
    """Where the station is, and the keys that an intruder may have come by."""

    endpoints: dict[str, str]
    station: str
    """The station's public key, which is no secret …"""
    old_station: str
    """… and the one that it had before."""
    known: tuple[str, str]
    """Public and secret key of a client that the station knows; used with the old station's key alone."""
    unknown: tuple[str, str]


@dataclass
class Heard:
    """What came of it."""

    attempts: int = 0
    connections: int = 0
    """Of them: those that were noticed to be up."""
    messages: int = 0
    """Anything received that was meant for a client."""


class Flood:
    """Knocks; each attempt is one connection, which is given up after STAYS_S."""

    kinds = ("unknown key", "old config", "no key", "password", "garbage")

    def __init__(self, target: Target) -> None:
        self.target, self.heard = target, Heard()
        self._context = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, 8192)
        self._open: deque[tuple[float, _Peer | _Raw]] = deque()
        self._count = 0

    def run(self, rate_per_s: float, seconds: float) -> None:
        """Knock at an even rate, then wait until the last ones have been turned away."""
        begun_s = time.monotonic()
        while (passed_s := time.monotonic() - begun_s) < seconds:
            while self._count < passed_s * rate_per_s and len(self._open) < MOST_AT_ONCE:
                self._knock()
            self._give_up(time.monotonic() - STAYS_S)
            time.sleep(TURN_S)
        time.sleep(STAYS_S)
        self._give_up(time.monotonic())
        self.heard.attempts = self._count
        self._context.destroy(linger=0)

    def _knock(self) -> None:
        """The next kind at the next endpoint."""
        turn, kind = divmod(self._count, len(self.kinds))
        what = tuple(self.target.endpoints)[turn % len(self.target.endpoints)]
        self._count += 1
        if self.kinds[kind] == "garbage":
            peer: _Peer | _Raw = _Raw(self.target.endpoints[what], GARBAGE[turn % len(GARBAGE)])
        else:
            peer = _Peer(self._context, what, self.kinds[kind], self.target, self._count)
        self._open.append((time.monotonic(), peer))

    def _give_up(self, older_s: float) -> None:
        while self._open and self._open[0][0] <= older_s:
            connections, messages = self._open.popleft()[1].leave()
            self.heard.connections += connections
            self.heard.messages += messages


class _Peer:
    """A client that speaks ZeroMQ, subscribes, asks for everything and gives a command."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], what: str, kind: str, target: Target, number: int
    ) -> None:
        self._socket = context.socket(zmq.SUB if what == "results" else zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_CONNECTED)
        if kind in ("unknown key", "old config"):
            known = kind == "old config"
            self._socket.curve_serverkey = (target.old_station if known else target.station).encode()
            public, secret = target.known if known else target.unknown
            self._socket.curve_publickey, self._socket.curve_secretkey = public.encode(), secret.encode()
        elif kind == "password":
            self._socket.plain_username, self._socket.plain_password = b"admin", b"admin"
        self._socket.connect(target.endpoints[what])
        if what == "results":
            self._socket.subscribe(b"")
        else:
            ask = (
                ControlRequest(command="challenge", who=f"intruder {number}") if what == "control" else ReplayRequest()
            )
            with suppress(zmq.Again):  # turned away by now
                self._socket.send_multipart([b"", ask.to_bytes()], zmq.NOBLOCK)

    def leave(self) -> tuple[int, int]:
        """Connections made, messages received."""
        connections = 0
        while self._monitor.poll(0):
            connections += recv_monitor_message(self._monitor)["event"] == zmq.EVENT_CONNECTED
        messages = int(self._socket.poll(0))
        self._socket.disable_monitor()
        self._monitor.close()
        self._socket.close()
        return connections, messages > 0


class _Raw:
    """A client that sends these bytes and nothing else."""

    def __init__(self, endpoint: str, data: bytes) -> None:
        where = urlsplit(endpoint)
        self._socket = socket.socket()
        self._socket.settimeout(1.0)
        self._connected = False
        with suppress(OSError):  # nobody had the time, or it has hung up by now
            self._socket.connect((where.hostname, where.port))
            self._connected = True
            self._socket.sendall(data)
        self._socket.setblocking(False)

    def leave(self) -> tuple[int, int]:
        """Connections made, messages received: more than a greeting is one."""
        received = 0
        with suppress(OSError):
            received = len(self._socket.recv(65536))
        self._socket.close()
        return self._connected, received > GREETING_BYTES


def main() -> None:
    """One flood."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", type=Path)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    os.nice(10)  # they stand for other computers
    flood = Flood(Target(**json.loads(arguments.target.read_text())))
    flood.run(arguments.rate, arguments.seconds)
    print(json.dumps(asdict(flood.heard)))


if __name__ == "__main__":
    main()
