"""Who gets in: one thread compares the key of whoever connects with the station's list, and tells who was refused.

Source: ZAP, https://rfc.zeromq.org/spec/27. Not pyzmq's ThreadAuthenticator: its event loop takes three times as
long for each connection, and holds the interpreter meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable

import zmq
from zmq.utils import z85

from agent.errors import Fault
from agent.event import Event
from agent.keys import Pair
from agent.log.about import about
from agent.log.happening import Happening
from agent.results.clients import Client, Clients
from agent.results.refusals import HANDSHAKE_MS, Refusals
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

LOOK_MS = 200
TELL_S = 60.0
"""Refusals are told of at once if they are rarer than this."""
COMMANDS = "control"
NOTHING_SHOWN = "that showed no key: no ZeroMQ, or hung up before"
UNKNOWN, NO_OPERATOR = "a key that is not known here", "a key that may listen only"


class Authenticator:
    """Starts at once; has to be there before anything is bound. Close it after the sockets that it guards.

    `put_out`: cuts a connection, given its file descriptor and why.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        station: Pair,
        clients: Clients,
        put_out: Callable[[int, str], None],
    ) -> None:
        self._station, self._clients, self._put_out = station, clients, put_out
        self._sockets: list[Refusals] = []
        self._reasons = Counter[str]()
        self._last_address = ""
        self._told, self._tell_again_s = 0, 0.0
        self._record: Callable[[Event], None] | None = None
        self._zap = context.socket(zmq.REP)
        self._zap.bind("inproc://zeromq.zap.01")
        self._worker = Worker("authenticator", self._serve_forever)
        self._worker.start()

    def guard(self, socket: zmq.Socket[bytes], what: str) -> None:
        """Let only known clients in at publisher.`what`; before it is bound."""
        socket.curve_server = True
        socket.curve_secretkey = self._station.secret
        socket.zap_domain = what.encode()
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without this, everybody gets in while this thread is not there
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        self._sockets.append(Refusals(socket, what))

    def report_to(self, record: Callable[[Event], None]) -> None:
        """Have refusals, and changes in the list of clients, written down by `record`, which must not block."""
        self._record = record

    @property
    def refused(self) -> int:
        """Connections turned away so far."""
        return max(sum(refusals.total for refusals in self._sockets), self._why_refused().total())

    def client_of(self, message: zmq.Frame, what: str) -> str:
        """The name of the key that `message` came with at publisher.`what`.

        Raises Fault when that key has been taken from the list since the connection was made.
        """
        client = self._clients.find(str(message.get("User-Id")).encode())
        if why := _why_not(client, what):
            raise Fault(f"{why}: it has been taken from this station's client_keys")
        assert client is not None
        return client.name

    def close(self, within_s: float = CLOSE_S) -> bool:
        """Nobody gets in any more. False: its thread has not ended in time."""
        return self._worker.close(within_s)

    def _serve_forever(self) -> None:
        look_s = 0.0
        while not self._worker.ending.is_set():
            if self._zap.poll(LOOK_MS):
                self._answer()
            if time.monotonic() >= look_s:
                look_s = time.monotonic() + LOOK_MS / 1000
                self._look()
        for refusals in self._sockets:
            refusals.close()
        self._zap.close()

    def _answer(self) -> None:
        version, request, what, address, _, mechanism, *credentials = self._zap.recv_multipart()
        public = z85.encode(credentials[0]) if mechanism == b"CURVE" else b""
        why = _why_not(self._clients.find(public), what.decode())
        if why:
            self._reasons[why] += 1
            self._last_address = address.decode()
        answer = [b"400", why.encode(), b"", b""] if why else [b"200", b"", public, b""]
        self._zap.send_multipart([version, request, *answer])

    def _look(self) -> None:
        changes = self._clients.follow()
        for refusals in self._sockets:
            refusals.look()
        if changes:
            self._tell("CLIENTS", f"client_keys changed: {changes}")
        if changes.removed:
            self._have_all_come_again()
        now_s, refused = time.monotonic(), self.refused
        if refused > self._told and now_s >= self._tell_again_s and self._record:
            known = self._why_refused()
            why = [f"{count} with {reason}" for reason, count in known.items()]
            if (others := refused - known.total()) > 0:
                why.append(f"{others} {NOTHING_SHOWN}")
            last = f"; the last one with a key from {self._last_address}" if self._last_address else ""
            self._tell("REFUSED", f"{refused} connections refused since the start: {', '.join(why)}{last}")
            self._told, self._tell_again_s = refused, now_s + TELL_S

    def _have_all_come_again(self) -> None:
        """Whose connection is whose is not known: who may still get in is back in a moment, and misses nothing."""
        for refusals in self._sockets:
            for descriptor in refusals.connections:
                self._put_out(descriptor, "a key has been taken from client_keys, and all have to show theirs again")

    def _why_refused(self) -> Counter[str]:
        """Of the connections for which it is known."""
        return sum((refusals.reasons for refusals in self._sockets), self._reasons)

    def _tell(self, what: str, detail: str) -> None:
        log.warning("%s", detail, extra=about(Happening.ACCESS))
        if self._record:
            self._record(Event("access", what, detail))


def _why_not(client: Client | None, what: str) -> str:
    """Why this client may not use publisher.`what`; "" = it may."""
    if client is None:
        return UNKNOWN
    return NO_OPERATOR if what == COMMANDS and not client.may_command else ""
