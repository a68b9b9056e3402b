"""The operator's socket: commands arrive once, and what is not understood is told so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from agent.errors import ConfigError, Fault
from agent.local_line import free_port
from agent.results.control import ControlSocket, Done
from agent.results.control_client import give_command
from agent.results.endpoints import Endpoints
from agent.results.messages import ControlReply
from agent.results_config import PublisherConfig
from tests.conftest import Linegate


@pytest.fixture
def station() -> Iterator[tuple[str, list[str]]]:
    """(endpoint, what has been commanded so far)"""
    endpoint, done = f"tcp://127.0.0.1:{free_port()}", list[str]()
    endpoints = Endpoints(PublisherConfig(control=endpoint))
    control = ControlSocket(endpoints, lambda _: None)
    control.serve({"challenge": lambda request: done.append(request.command) or Done()})
    yield endpoint, done
    control.close()
    endpoints.close()


def test_a_command_is_done_once(station: tuple[str, list[str]], linegate: Linegate) -> None:
    endpoint, done = station
    result = linegate("challenge", "--who", "R. Diaz", "--control", endpoint)
    assert result.returncode == 0, result.stderr
    assert done == ["challenge"]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"no json", "not understood"),
        (b'{"command": "challenge", "who": ""}', "not understood"),
        ([b'{"command": "challenge", "who": "R. Diaz"}', b"more"], "one part a message"),
        (b'{"command": "explode", "who": "R. Diaz"}', "no command 'explode'"),
    ],
)
def test_what_is_not_understood_is_told_so(
    station: tuple[str, list[str]], message: bytes | list[bytes], complaint: str
) -> None:
    endpoint, done = station
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.connect(endpoint)
        socket.send_multipart(message if isinstance(message, list) else [message])
        assert socket.poll(5000)
        assert complaint in ControlReply.model_validate_json(socket.recv()).error
    assert not done
    give_command(endpoint, "challenge", "R. Diaz")
    assert done, "the socket goes on after a bad message"


def test_a_refused_command_and_a_silent_station_are_faults(
    station: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Fault, match="refused: no command 'explode'"):
        give_command(station[0], "explode", "R. Diaz")
    monkeypatch.setattr("agent.results.control_client.ANSWER_MS", 100)
    with pytest.raises(Fault, match="no station answers"):
        give_command(f"tcp://127.0.0.1:{free_port()}", "challenge", "R. Diaz")


def test_an_endpoint_in_use_is_refused(station: tuple[str, list[str]]) -> None:
    with pytest.raises(ConfigError, match=r"publisher\.control = .*in use"):
        ControlSocket(Endpoints(PublisherConfig(control=station[0])), lambda _: None)
