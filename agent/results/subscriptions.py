"""What subscribers have asked an XPUB for, and who asks for too much."""

from __future__ import annotations

from contextlib import suppress

import zmq

from agent.results.flood_guard import FloodGuard

MOST_TOPICS = 1000
"""Of all subscribers together: ZeroMQ keeps each, at some 50 bytes a letter."""
AT_ONCE = 100
"""So many are taken in before it is the results' turn again."""
UNSUBSCRIBE, SUBSCRIBE = 0, 1


class Subscriptions:
    """Belongs to the socket's thread. Whatever else a peer sends is passed over."""

    def __init__(self, socket: zmq.Socket[bytes], guard: FloodGuard) -> None:
        self._socket, self._guard = socket, guard
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # every subscriber is seen, not the first of a topic only
        self._topics: set[bytes] = set()
        self._new: set[bytes] = set()

    def take(self) -> None:
        """Take in what has come."""
        for _ in range(AT_ONCE):
            try:
                frame = self._socket.recv(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            self._take_one(frame)

    def _take_one(self, frame: zmq.Frame) -> None:
        kind, topic = frame.bytes[:1], frame.bytes[1:]
        if kind == bytes([UNSUBSCRIBE]):
            self._topics.discard(topic)
        elif kind == bytes([SUBSCRIBE]) and (topic in self._topics or len(self._topics) < MOST_TOPICS):
            self._topics.add(topic)
            self._new.add(topic)
        elif kind == bytes([SUBSCRIBE]):
            with suppress(zmq.ZMQError):  # ZeroMQ does not know any more whose it was
                self._guard.put_out(int(frame.get(zmq.SRCFD)), f"subscriptions to more than {MOST_TOPICS} topics")

    def include(self, topic: bytes) -> bool:
        """Does anybody want messages of this topic?"""
        return any(topic.startswith(wanted) for wanted in self._topics)

    def any_new(self, topic: bytes) -> bool:
        """Has anybody subscribed to messages of this topic since this was last asked with that answer?"""
        found = any(topic.startswith(wanted) for wanted in self._new)
        self._new.clear()
        return found
