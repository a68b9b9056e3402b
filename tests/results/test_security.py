"""With keys nobody else listens or commands, and whoever is turned away hears why."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

import pytest
import zmq

from agent.errors import Fault
from agent.event import Event
from agent.keys import ClientKeys, secured
from agent.local_line import free_port
from agent.results import authenticator
from agent.results.endpoints import Endpoints
from agent.results_config import PublisherConfig
from agent.subscriber.handshakes import Handshakes, Refused
from agent.subscriber.replay_client import connected
from tests.results.key_ring import KeyRing
from tests.waiting import PATIENCE_S, wait_until

PATIENCE_MS = 1000 * PATIENCE_S


class Guarded:
    """The endpoints of a station with keys, as they are bound for publisher and control socket."""

    def __init__(self, folder: Path) -> None:
        self.ring = KeyRing(folder)
        self.config = self.ring.config()
        self.events: list[Event] = []
        self.endpoints = Endpoints(self.config)
        self.endpoints.report_to(self.events.append)
        self.results = self.endpoints.bind(zmq.PUB, "results")
        self.replay = self.endpoints.bind(zmq.ROUTER, "replay")
        self.control = self.endpoints.bind(zmq.REP, "control")

    @contextmanager
    def client(self, kind: int, what: str, keys: ClientKeys | None) -> Iterator[tuple[zmq.Socket[bytes], Handshakes]]:
        """A client's socket, connected, in a context of its own."""
        endpoint = getattr(self.config, what)
        with zmq.Context() as context, context.socket(kind) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            if kind == zmq.SUB:
                socket.subscribe(b"")
            secured(socket, keys)
            handshakes = Handshakes(socket, endpoint, keys)
            with closing(handshakes):
                socket.connect(endpoint)
                yield socket, handshakes

    def hears(self, socket: zmq.Socket[bytes]) -> None:
        """Publish until that subscriber hears of it."""
        wait_until(lambda: [self.results.send(b"result"), socket.poll(50)][1], "it hears of it")

    def close(self) -> None:
        for socket in (self.results, self.replay, self.control):
            socket.close()
        self.endpoints.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    station = Guarded(tmp_path)
    yield station
    station.close()


def test_who_is_known_hears_results_and_has_his_questions_answered(guarded: Guarded) -> None:
    keys = guarded.ring.keys("listener")
    with guarded.client(zmq.SUB, "results", keys) as (live, _), guarded.client(zmq.REQ, "replay", keys) as (asking, at):
        guarded.hears(live)
        asking.send(b"since?")
        assert guarded.replay.poll(PATIENCE_MS)
        *route, question = guarded.replay.recv_multipart(copy=False)
        assert guarded.endpoints.client_of(question, "replay") == "listener"
        guarded.replay.send_multipart([*route, b"all"])
        assert at.poll(PATIENCE_MS)
    assert guarded.endpoints.refused == 0
    assert not guarded.events


def test_only_an_operator_commands(guarded: Guarded) -> None:
    with guarded.client(zmq.REQ, "control", guarded.ring.keys("operator")) as (socket, _):
        socket.send(b"pause")
        assert guarded.control.poll(PATIENCE_MS)
        assert guarded.endpoints.client_of(guarded.control.recv(copy=False), "control") == "operator"
        guarded.control.send(b"paused")
        assert socket.poll(PATIENCE_MS)
    with guarded.client(zmq.REQ, "control", guarded.ring.keys("listener")) as (socket, handshakes):
        socket.send(b"pause")
        with pytest.raises(Refused, match=r"client_keys/operators if it gives commands"):
            handshakes.poll(PATIENCE_MS)
    assert not guarded.control.poll(200)
    wait_until(lambda: guarded.events)
    assert "1 with a key that may listen only" in guarded.events[0].detail


STRANGERS: dict[str, tuple[Callable[[KeyRing], ClientKeys | None], str, str]] = {
    "unknown key": (lambda ring: ring.keys("stranger"), "does not know this client's key", "a key that is not known"),
    "wrong station": (lambda ring: ring.keys("listener", "stranger"), "another station", "another station's public"),
    "no key": (lambda ring: None, "wants keys", "no key"),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_whoever_else_comes_hears_nothing_is_counted_and_told_why(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    monkeypatch.setattr(authenticator, "TELL_S", 0.0)
    keys_of, told, written = STRANGERS[who]
    keys = keys_of(guarded.ring)
    with (
        guarded.client(zmq.SUB, "results", guarded.ring.keys("listener")) as (friend, _),
        guarded.client(zmq.SUB, "results", keys) as (live, at_results),
        guarded.client(zmq.DEALER, "replay", keys) as (asking, at_replay),
        guarded.client(zmq.DEALER, "control", keys) as (commanding, at_control),
    ):
        for socket, message in ((asking, b"since?"), (commanding, b"pause")):
            with suppress(zmq.Again):  # it has been turned away by now
                socket.send_multipart([b"", message], zmq.NOBLOCK)
        for _ in range(10):
            guarded.hears(friend)
            friend.recv()
        assert not live.poll(0), "results leak"
        assert not guarded.replay.poll(0)
        assert not guarded.control.poll(0)
        for handshakes in (at_results, at_replay, at_control):
            with pytest.raises(Refused, match=told):
                handshakes.poll(PATIENCE_MS)
        wait_until(lambda: guarded.endpoints.refused >= 3)
        # of one that hangs up at once nobody knows why; it comes again
        wait_until(lambda: any(written in event.detail for event in guarded.events), shown=lambda: guarded.events)
    assert {(event.kind, event.what) for event in guarded.events} == {("access", "REFUSED")}


def test_who_speaks_no_zeromq_is_counted_too(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.results.refusals.HANDSHAKE_MS", 100)
    where = urlsplit(guarded.config.control)
    for _ in range(3):
        with create_connection((where.hostname, where.port)) as browser:
            browser.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with suppress(ConnectionResetError):
                while browser.recv(100):  # a greeting, then the end
                    pass
    with guarded.client(zmq.SUB, "results", guarded.ring.keys("listener")) as (live, _):
        guarded.hears(live)
        wait_until(lambda: guarded.endpoints.refused == 3)
        time.sleep(3 * authenticator.LOOK_MS / 1000)
        assert guarded.endpoints.refused == 3, "who has got in is none of them"
    assert "that showed no key: no ZeroMQ, or hung up before" in guarded.events[0].detail


def test_a_client_is_added_and_removed_while_the_station_runs(guarded: Guarded) -> None:
    keys = guarded.ring.keys("stranger")
    guarded.ring.admit("stranger", guarded.ring.clients / "operators")
    wait_until(lambda: guarded.events)
    assert "may get in now: stranger (operator)" in guarded.events[0].detail
    with (
        guarded.client(zmq.SUB, "results", guarded.ring.keys("listener")) as (friend, _),
        guarded.client(zmq.SUB, "results", keys) as (live, at_results),
        guarded.client(zmq.REQ, "control", keys) as (commanding, at_control),
    ):
        guarded.hears(friend)
        guarded.hears(live)
        commanding.send(b"pause")
        assert guarded.control.poll(PATIENCE_MS)
        (guarded.ring.clients / "operators" / "stranger.key").unlink()
        wait_until(lambda: len(guarded.events) == 2)
        assert "may not any more: stranger (operator)" in guarded.events[1].detail
        with pytest.raises(Fault, match="taken from this station's client_keys"):
            guarded.endpoints.client_of(guarded.control.recv(copy=False), "control")
        while live.poll(0):
            live.recv()
        for handshakes in (at_results, at_control):
            with pytest.raises(Refused):
                handshakes.poll(PATIENCE_MS)
        while friend.poll(0):
            friend.recv()
        guarded.hears(friend)  # who has done nothing is let in again
        assert not live.poll(0)


def test_a_bad_key_file_lets_nobody_in_and_the_others_stay(guarded: Guarded) -> None:
    (guarded.ring.clients / "half.key").write_text('    public-key = "abc')
    (guarded.ring.clients / "gone.key").symlink_to("/nowhere")
    wait_until(lambda: guarded.events)
    assert "half.key: damaged" in guarded.events[0].detail
    with guarded.client(zmq.SUB, "results", guarded.ring.keys("listener")) as (live, _):
        guarded.hears(live)


def test_refusals_are_counted_one_by_one_and_told_of_now_and_then(guarded: Guarded) -> None:
    for count in range(1, 5):
        stranger = guarded.client(zmq.SUB, "results", guarded.ring.keys("stranger"))
        with stranger as (_, handshakes), pytest.raises(Refused):
            handshakes.poll(PATIENCE_MS)
        wait_until(lambda count=count: guarded.endpoints.refused == count)
        time.sleep(authenticator.LOOK_MS / 1000)
    assert len(guarded.events) == 1
    assert guarded.endpoints._authenticator
    guarded.endpoints._authenticator._tell_again_s = 0.0
    wait_until(lambda: len(guarded.events) == 2)
    assert guarded.events[1].detail.startswith("4 connections refused since the start: 4 with a key that is not known")


def test_nobody_gets_in_while_the_authenticator_is_away(guarded: Guarded) -> None:
    """ZeroMQ's default would be to let everybody in."""
    assert guarded.endpoints._authenticator
    guarded.endpoints._authenticator.close()
    with guarded.client(zmq.SUB, "results", guarded.ring.keys("listener")) as (live, _):
        for _ in range(10):
            guarded.results.send(b"result")
            assert not live.poll(50)


def test_a_station_at_ipv6_is_reached() -> None:
    endpoint = f"tcp://[::1]:{free_port()}"
    endpoints = Endpoints(PublisherConfig(replay=endpoint))
    station = endpoints.bind(zmq.ROUTER, "replay")
    client, handshakes = connected(zmq.DEALER, endpoint, None)
    client.send(b"since?")
    assert station.poll(PATIENCE_MS)
    handshakes.close()
    client.close()
    station.close()
    endpoints.close()
