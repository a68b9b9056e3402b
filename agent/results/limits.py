"""What one peer may cost: the options of every socket that the station binds.

ZeroMQ queues for each peer apart, without a bound of bytes; so that memory is bounded nevertheless, few messages may
wait where messages are large, what is received is small, and whoever stands still is put out.
"""

from __future__ import annotations

import zmq

LINGER_MS = 200
RECEIVED_BYTES = 4096
"""A subscription or a request has some hundred at most."""
RECEIVED_WAITING = 4
"""ZeroMQ takes in subscriptions for as long as more come at once: with few the peer must wait for us."""
OPTIONS = {
    zmq.LINGER: LINGER_MS,
    zmq.RCVHWM: RECEIVED_WAITING,
    zmq.MAXMSGSIZE: RECEIVED_BYTES,
    zmq.SNDBUF: 512 * 1024,  # in the kernel, which would let it grow to some MB a peer
    zmq.HANDSHAKE_IVL: 2000,
    zmq.HEARTBEAT_IVL: 1000,
    zmq.HEARTBEAT_TIMEOUT: 3000,
    zmq.HEARTBEAT_TTL: 5000,
    zmq.TCP_MAXRT: 5000,  # no heartbeat can overtake data that nobody reads: TCP itself gives up
    zmq.TCP_KEEPALIVE: 1,
    zmq.TCP_KEEPALIVE_IDLE: 30,
    zmq.TCP_KEEPALIVE_INTVL: 10,
    zmq.TCP_KEEPALIVE_CNT: 3,
}


def limit(socket: zmq.Socket[bytes], waiting: int) -> None:
    """Before it binds; at most `waiting` messages wait for each peer, beside what the kernel holds."""
    for option, value in OPTIONS.items():
        socket.setsockopt(option, value)
    socket.setsockopt(zmq.SNDHWM, waiting)
