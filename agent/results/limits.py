"""What one peer may cost: the options of every socket that the station binds.

ZeroMQ queues for each peer apart, without a bound of bytes; so that memory is bounded nevertheless, few messages may
wait where messages are large, what is received is small, and whoever stands still is put out.

Heartbeats stay off, and what waits to be received has no limit where that can be: libzmq 4.3.5 ends the process for a
PING of a peer that it has stopped reading from and that resets then, and slow peers of ours by our PINGs ("Assertion
failed: !_io_error", "_input_stopped"; libzmq issues 3937, 4364, 4767). Pulse, TCP and flood_guard.py stand for them.
"""

from __future__ import annotations

import zmq

LINGER_MS = 200
OPTIONS = {
    zmq.LINGER: LINGER_MS,
    zmq.MAXMSGSIZE: 4096,  # a subscription or a request has some hundred bytes at most
    zmq.RCVBUF: 2048,  # in the kernel: a flood comes slowly enough to be stopped
    zmq.SNDBUF: 512 * 1024,  # in the kernel, which would let it grow to some MB a peer
    zmq.HANDSHAKE_IVL: 2000,
    zmq.TCP_MAXRT: 5000,  # what is sent, as the pulse each second, must be taken within this
    zmq.TCP_KEEPALIVE: 1,  # for those that nothing is sent to
    zmq.TCP_KEEPALIVE_IDLE: 30,
    zmq.TCP_KEEPALIVE_INTVL: 10,
    zmq.TCP_KEEPALIVE_CNT: 3,
}
SUBSCRIPTIONS_WAITING = 1000
"""ZeroMQ works each into its tree of topics when we look, and does not come back before it is through with all."""


def limit(socket: zmq.Socket[bytes], waiting: int) -> None:
    """Before it binds; at most `waiting` messages wait for each peer, beside what the kernel holds."""
    for option, value in OPTIONS.items():
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.SNDHWM, waiting)
    socket.setsockopt(zmq.RCVHWM, SUBSCRIPTIONS_WAITING if socket.type == zmq.XPUB else 0)
