"""Peers that do everything wrong, on bare TCP sockets: `python -m tests.faults.bad_peers RESULTS REPLAY KIND=COUNT …`.

Says "there" once all are connected, and goes on until it is killed. RESULTS, REPLAY: ports of this computer.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

ZMTP_3 = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
MORE, LONG, COMMAND = 1, 2, 4
SUBSCRIBE_ALL = b"\x01insp/"
PAUSE_S = 0.3
"""A hostile peer that has been put out is back after this."""
TIMEOUT_S = 1.0
"""Whoever is put out while his window is closed would not learn of it for a while."""
REPLAY = b'{"since": 0, "limit": 1000}'


def frame(body: bytes, flags: int = 0) -> bytes:
    """As it goes on the wire."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | LONG]) + len(body).to_bytes(8, "big") + body


def connect(port: int, kind: bytes, receive_bytes: int = 4096) -> socket.socket:
    """A ZeroMQ peer of that kind, the handshake done."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    peer.settimeout(TIMEOUT_S)
    peer.connect(("127.0.0.1", port))
    peer.sendall(ZMTP_3)
    for _ in range(len(ZMTP_3)):
        if not peer.recv(1):
            raise ConnectionError("no greeting")
    peer.sendall(frame(b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind, COMMAND))
    return peer


# --- those that only do not read -------------------------------------------------------------------------------------


def never_reads(results: int, replay: int) -> None:
    """Subscribes to everything."""
    peer = connect(results, b"SUB")
    peer.sendall(frame(SUBSCRIBE_ALL))
    _held.append(peer)


def reads_slowly(results: int, replay: int) -> None:
    """Subscribes to everything; 80 kB/s, in a thread for all of them."""
    peer = connect(results, b"SUB")
    peer.sendall(frame(SUBSCRIBE_ALL))
    peer.setblocking(False)
    _slow.append(peer)
    if len(_slow) == 1:
        threading.Thread(target=_read_slowly, daemon=True).start()


def asks_and_never_reads(results: int, replay: int) -> None:
    """Wants the history, 20 times."""
    peer = connect(replay, b"DEALER")
    peer.sendall(20 * (frame(b"", MORE) + frame(REPLAY)))
    _held.append(peer)


_held: list[socket.socket] = []
_slow: list[socket.socket] = []


def _read_slowly() -> None:
    while True:
        for peer in list(_slow):
            with suppress(OSError):
                peer.recv(4096)
        time.sleep(0.05)


# --- the hostile -----------------------------------------------------------------------------------------------------


def sends_garbage(results: int, replay: int) -> None:
    """To both."""
    for port in (results, replay):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(os.urandom(5000))
            peer.recv(4096)


def half_a_handshake(results: int, replay: int) -> None:
    """And stays."""
    with socket.create_connection(("127.0.0.1", results)) as peer:
        peer.sendall(ZMTP_3[:20])
        while peer.recv(4096):
            pass


def huge_frame(results: int, replay: int) -> None:
    """A gigabyte, as it says."""
    peer = connect(results, b"SUB")
    peer.sendall(bytes([LONG]) + (10**9).to_bytes(8, "big"))
    _send_for_ever(peer, lambda: bytes(100_000))


def ever_new_subscriptions(results: int, replay: int) -> None:
    """Each to a topic of its own."""
    _send_for_ever(connect(results, b"SUB"), lambda: b"".join(frame(b"\x01" + os.urandom(100)) for _ in range(500)))


def the_same_subscription(results: int, replay: int) -> None:
    """Over and over."""
    _send_for_ever(connect(results, b"SUB"), lambda: 5000 * frame(SUBSCRIBE_ALL))


def endless_message(results: int, replay: int) -> None:
    """One part after the other, and never the last."""
    _send_for_ever(connect(replay, b"DEALER"), lambda: 50 * frame(bytes(4000), MORE))


def asks_without_end(results: int, replay: int) -> None:
    """As fast as it can, and reads no answer."""
    _send_for_ever(connect(replay, b"DEALER"), lambda: 100 * (frame(b"", MORE) + frame(REPLAY)))


def floods_pings_and_resets(port: int, messages: int) -> None:
    """A PING just behind the last message that is queued, in the same breath."""
    with connect(port, b"DEALER") as peer:
        peer.sendall(messages * (frame(b"", MORE) + frame(b"?")) + 20 * frame(b"\x04PING\0\0", COMMAND))
        time.sleep(0.05)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _send_for_ever(peer: socket.socket, next_bytes: Callable[[], bytes]) -> None:
    with peer:
        while True:
            peer.sendall(next_bytes())


Misbehaviour = Callable[[int, int], None]
HOSTILE: tuple[Misbehaviour, ...] = (
    *(sends_garbage, half_a_handshake, huge_frame, ever_new_subscriptions, the_same_subscription),
    *(endless_message, asks_without_end),
)
QUIET = {kind.__name__: kind for kind in (never_reads, reads_slowly, asks_and_never_reads)}


def _again_and_again(misbehave: Misbehaviour, results: int, replay: int) -> None:
    while True:
        with suppress(OSError):
            misbehave(results, replay)
        time.sleep(PAUSE_S)


def main(results: int, replay: int, wanted: list[str]) -> None:
    """Connect them all."""
    os.nice(10)  # a true one has a computer of its own
    for kind, count in (word.split("=") for word in wanted):
        for _ in range(int(count)):
            if kind == "hostile":
                for misbehave in HOSTILE:
                    threading.Thread(target=_again_and_again, args=(misbehave, results, replay), daemon=True).start()
            else:
                QUIET[kind](results, replay)
    print("there", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
