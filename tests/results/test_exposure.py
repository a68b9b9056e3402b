"""A station without keys says what is open to the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.event import Event
from agent.results.endpoints import Endpoints
from agent.results.exposure import exposed
from agent.results_config import PublisherConfig


@pytest.mark.parametrize(
    ("endpoint", "is_open"),
    [
        ("tcp://127.0.0.1:5556", False),
        ("tcp://127.8.8.8:5556", False),
        ("tcp://localhost:5556", False),
        ("tcp://[::1]:5556", False),
        ("tcp://lo:5556", False),
        ("ipc:///run/linegate/results", False),
        ("inproc://results", False),
        ("tcp://*:5556", True),
        ("tcp://0.0.0.0:5556", True),
        ("tcp://[::]:5556", True),
        ("tcp://192.168.7.12:5556", True),
        ("tcp://192.168.127.0.0.1:5556", True),
        ("tcp://eth0:5556", True),
        ("tcp://line1:5556", True),
    ],
)
def test_a_station_says_what_is_open_to_the_network(endpoint: str, is_open: bool) -> None:
    warning = exposed(PublisherConfig(replay=endpoint))
    assert (f"replay = '{endpoint}'" in warning) == is_open
    assert "gives commands" not in warning
    assert ("gives commands" in exposed(PublisherConfig(control=endpoint))) == is_open
    keyed = PublisherConfig(control=endpoint, station_key=Path("cam1.key_secret"), client_keys=Path("clients"))
    assert not exposed(keyed)


def test_what_is_open_is_logged_and_written_down_once(caplog: pytest.LogCaptureFixture) -> None:
    events: list[Event] = []
    endpoints = Endpoints(PublisherConfig(results="tcp://*:5556", control="tcp://*:5558"))
    endpoints.report_to(events.append)
    endpoints.close()
    (event,) = events
    assert (event.kind, event.what) == ("access", "OPEN")
    assert caplog.messages == [event.detail]
    assert "publisher.results = 'tcp://*:5556', control = 'tcp://*:5558'" in event.detail
