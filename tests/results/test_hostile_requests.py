"""Whatever reaches replay or control is answered: an exception there would end the station."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.event import Event
from agent.health import Stages
from agent.messages import ControlReply, ReplayReply
from agent.results.control import ControlSocket
from agent.results.limits import OPTIONS
from agent.results.newest_photo import NewestPhoto
from agent.results.taken_commands import taken_commands
from agent.standalone.link import StandaloneLink
from tests.results.outlet import Outlet
from tests.results.records import identity, inspect

PATIENCE_MS = 20_000
LONGEST_BYTES = OPTIONS[zmq.MAXMSGSIZE]
HUGE = st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64, 10**30])
# no subnormal floats: ONNX Runtime switches them off in a process that has made a session
NUMBERS = st.integers() | HUGE | HUGE.map(lambda number: -number) | st.floats(allow_subnormal=False)
TIMES = st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31", "2026-01-01T00:00:00+23:59:59.999999"]
)
TEXTS = st.text(max_size=20) | TIMES | st.sampled_from(["\ud800", "\0", "result", "event", "insp.replay/1.9"])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NO_OBJECTS = st.binary(max_size=50) | VALUES.map(json.dumps).map(str.encode) | st.just(2000 * b"[" + 2000 * b"]")


def requests(always: dict[str, st.SearchStrategy[Any]], **sensible: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Sensible but for a field or two, or no object at all."""
    odd = st.dictionaries(st.sampled_from([*always, *sensible]), NUMBERS | TEXTS | VALUES, max_size=2)
    made = st.builds(lambda good, bad: json.dumps(good | bad), st.fixed_dictionaries(always, optional=sensible), odd)
    return (made.map(str.encode) | NO_OBJECTS).filter(lambda data: len(data) < LONGEST_BYTES)


SOME = st.integers(1, 1000)
REPLAYS = requests(
    {"kind": st.sampled_from(["result", "event"])},
    since=SOME | HUGE,
    from_utc=TIMES,
    to_utc=TIMES,
    last=SOME,
    limit=SOME,
)
COMMANDS = ("challenge", "trigger", "pause", "resume", "job", "snapshot", "clear", "relearn")
ORDERS = requests({"command": st.sampled_from(COMMANDS), "who": st.just("R. Diaz")}, argument=TEXTS)


@contextmanager
def asking(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(endpoint)
        yield socket


def answer(socket: zmq.Socket[bytes], request: bytes) -> bytes:
    socket.send(request)
    assert socket.poll(PATIENCE_MS), f"no answer to {request!r}"
    return socket.recv_multipart()[0]


def test_every_request_for_a_replay_is_answered(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path / "journal.sqlite")
    inspect(outlet.journal, 1, 2)

    @settings(max_examples=200, deadline=None)
    @given(REPLAYS)
    def ask(request: bytes) -> None:
        ReplayReply.model_validate_json(answer(socket, request))

    with asking(outlet.endpoints.replay) as socket:
        ask()
    outlet.stop()


def test_every_command_is_answered(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path / "journal.sqlite")
    link = StandaloneLink(7, 1, 20_000, outlet.journal, Stages.of(100, 100).health, str)
    link.set_ready()
    told: list[Event] = []
    control = ControlSocket(outlet.sockets, told.append, identity())
    recipes = {1: ("tile", "cd" * 32)}
    control.serve(taken_commands(link.operator, link.ask, lambda: recipes, NewestPhoto(), str, str.__add__))

    @settings(max_examples=200, deadline=None)
    @given(ORDERS)
    def ask(request: bytes) -> None:
        ControlReply.model_validate_json(answer(socket, request))

    with asking(outlet.endpoints.control) as socket:
        ask()
    assert {event.what for event in told} >= set(COMMANDS), "this run has proved nothing"
    control.close()
    link.close()
    outlet.stop()
