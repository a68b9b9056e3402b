"""The operator's socket: commands arrive once, are written down before they are answered, and nobody can hold it up."""

from __future__ import annotations

import json
import socket as sockets
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from agent.errors import ConfigError, Fault
from agent.event import Event
from agent.local_line import free_port
from agent.messages import ControlReply, ControlRequest
from agent.results.control import ControlSocket, Done
from agent.results.endpoints import Endpoints
from agent.results.refused_commands import MOST
from agent.results.taken_commands import find_recipe
from agent.results_config import PublisherConfig
from agent.subscriber.control_client import give_command
from tests.conftest import Linegate
from tests.results.key_ring import KeyRing
from tests.results.records import identity

CHALLENGE = b'{"command": "challenge", "who": "R. Diaz"}'


class Station:
    """A control socket with one command, and what has been done and written down."""

    def __init__(self, config: PublisherConfig) -> None:
        self.endpoint = config.control
        self.done: list[str] = []
        self.written: list[Event] = []
        self._endpoints = Endpoints(config)
        self._control = ControlSocket(self._endpoints, self.written.append, identity())
        self._control.serve({"challenge": self._challenge, "pause": self._refuse})

    def _challenge(self, request: ControlRequest) -> Done:
        self.done.append(request.who)
        return Done("it comes")

    def _refuse(self, request: ControlRequest) -> Done:
        raise Fault("not today")

    def close(self) -> None:
        self._control.close()
        self._endpoints.close()


@pytest.fixture
def station() -> Iterator[Station]:
    made = Station(PublisherConfig(control=f"tcp://127.0.0.1:{free_port()}"))
    yield made
    made.close()


def test_a_command_is_done_once_and_written_down(station: Station, linegate: Linegate) -> None:
    result = linegate("challenge", "--who", "R. Diaz", "--control", station.endpoint)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("line1/cam1: the next part"), "there may be two stations on a computer"
    assert station.done == ["R. Diaz"]
    assert station.written == [Event("command", "challenge", "it comes", "R. Diaz")]


def test_what_is_refused_is_written_down_too(station: Station) -> None:
    with pytest.raises(Fault, match="refused: not today"):
        give_command(station.endpoint, "pause", "R. Diaz", "now")
    with pytest.raises(Fault, match="refused: no command 'explode': challenge, pause"):
        give_command(station.endpoint, "explode", "R. Diaz")
    assert station.written[0] == Event("command", "pause", "now: refused: not today", "R. Diaz")
    assert station.written[1].what == "explode"


def test_many_refused_commands_are_few_events_and_none_is_uncounted(station: Station) -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(station.endpoint)
        for number in range(40):
            socket.send(json.dumps({"command": f"odd{number}" if number % 2 else "pause", "who": "x"}).encode())
            socket.recv()
    give_command(station.endpoint, "challenge", "R. Diaz")
    assert [event.what for event in station.written].count("pause") == 1
    station.close()
    assert len(station.written) == MOST + 2, "what was done is never left out"
    assert f"{40 - MOST} more were refused, the last: refused: no command 'odd39'" in station.written[-1].detail


def test_the_key_it_came_with_is_written_down(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    station = Station(ring.config())
    try:
        give_command(station.endpoint, "challenge", "R. Diaz", keys=ring.keys("operator"))
        assert station.written == [Event("command", "challenge", "it comes (key operator)", "R. Diaz")]
    finally:
        station.close()


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"no json", "not understood"),
        (b"\xff\xfe", "not understood"),
        (b"[" * 4000, "not understood"),
        (b'{"command": "challenge", "who": ""}', "not understood: 'who' should have at least 1 character"),
        (b'{"command": "challenge"}', "not understood: missing field 'who'"),
        (
            b'{"command": "job", "who": "R. Diaz", "argumant": "3"}',
            "unknown field 'argumant' (did you mean 'argument'?)",
        ),
        (b'{"command": "challenge", "who": "R.\\nDiaz"}', "'who' has more than 100 characters, or some that cannot"),
        (json.dumps({"command": "challenge", "who": "R" * 101}).encode(), "'who' has more than 100"),
        ([CHALLENGE, b"more"], "one part a message"),
        ([b""] * 1000, "one part a message"),
        (b'{"command": "explode", "who": "R. Diaz"}', "no command 'explode'"),
    ],
)
def test_what_is_not_understood_is_told_so(station: Station, message: bytes | list[bytes], complaint: str) -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(station.endpoint)
        socket.send_multipart(message if isinstance(message, list) else [message])
        assert socket.poll(5000)
        assert complaint in ControlReply.model_validate_json(socket.recv()).error
    assert not station.done
    give_command(station.endpoint, "challenge", "R. Diaz")
    assert station.done, "the socket goes on after a bad message"


def test_nobody_holds_it_up(station: Station) -> None:
    """Gone before the answer; asking without ever listening; no request in it; no ZeroMQ at all; far too much."""
    with zmq.Context() as context:
        for _ in range(20):
            with context.socket(zmq.REQ) as gone:
                gone.connect(station.endpoint)
                gone.send(CHALLENGE)
                gone.setsockopt(zmq.LINGER, 50)
        with context.socket(zmq.DEALER) as deaf, context.socket(zmq.DEALER) as odd, context.socket(zmq.REQ) as huge:
            for socket in (deaf, odd, huge):
                socket.setsockopt(zmq.LINGER, 0)
                socket.connect(station.endpoint)
            for _ in range(2000):
                deaf.send_multipart([b"", CHALLENGE])
                odd.send(CHALLENGE)
            huge.send(b"x" * 1_000_000)
            with sockets.create_connection(("127.0.0.1", int(station.endpoint.rpartition(":")[2]))) as raw:
                raw.sendall(b"GET / HTTP/1.1\r\n\r\n")
                assert give_command(station.endpoint, "challenge", "at last").detail == "it comes"
    station.close()
    assert station.done.count("at last") == 1
    assert len(station.written) == len(station.done), "each command that was done stands in the journal, once"


def test_a_silent_station_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.subscriber.control_client.ANSWER_MS", 100)
    with pytest.raises(Fault, match="no station answers"):
        give_command(f"tcp://127.0.0.1:{free_port()}", "challenge", "R. Diaz")


def test_an_endpoint_in_use_is_refused(station: Station) -> None:
    with pytest.raises(ConfigError, match=r"publisher\.control = .*in use"):
        ControlSocket(Endpoints(PublisherConfig(control=station.endpoint)), lambda _: None, identity())


@pytest.mark.parametrize(("wanted", "job"), [("1", 1), ("tile", 1), ("12", 12), ("brick", 12)])
def test_a_recipe_is_found_by_number_and_by_name(wanted: str, job: int) -> None:
    assert find_recipe(wanted, {1: ("tile", ""), 12: ("brick", "")}) == job


@pytest.mark.parametrize("wanted", ["", "3", "til", "brick"])
def test_an_unknown_recipe_is_refused_with_those_there_are(wanted: str) -> None:
    with pytest.raises(Fault, match="it has 1 'tile', 2 'brick', 7 'brick'"):
        find_recipe(wanted, {1: ("tile", ""), 2: ("brick", ""), 7: ("brick", "")})
