"""What Prometheus reads: figures are those of the parts, the dashboard asks for no others, nobody can clog it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from agent.config import load_config
from agent.errors import ConfigError
from agent.inspection import Verdict
from agent.local_line import free_port
from agent.monitor import endpoint, monitor
from agent.monitor.endpoint import MetricsEndpoint
from agent.plc.register_map import Alarm
from agent.results import publisher
from agent.results.exposure import figures_exposed
from agent.results_config import MetricsConfig
from tests.conftest import ROOT
from tests.results.monitored import MonitoredStation
from tests.waiting import wait_until

DASHBOARD = json.loads((ROOT / "docs/grafana/linegate.json").read_text())
ALERTS = yaml.safe_load((ROOT / "docs/grafana/alerts.yml").read_text())
Samples = dict[str, list[tuple[dict[str, str], float]]]


def get(port: int, path: str = "/metrics") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return str(answer.read().decode())


def samples_of(page: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A station that has seen 100 usual parts, 20 rejects, 5 without a decision, one challenge, and then gone dark."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(monitor, "ROUND_S", 0.01)
        patch.setattr(publisher, "STATUS_S", 0.05)
        port = free_port()
        tables: dict[str, Any] = {
            "metrics": {"endpoint": f"127.0.0.1:{port}"},
            "drift": {"baseline_parts": 100, "window_parts": 10},
            "archive": {},
        }
        with MonitoredStation(tmp_path_factory.mktemp("station"), **tables) as station:
            station.see(75)
            station.see(20, Verdict.REJECT)
            station.see(5, Verdict.NO_DECISION)
            station.link.operator.challenge_next()
            station.see(1, Verdict.REJECT, defect="fray")
            station.see(100, grey=60)
            station.link.operator.pause("R. Diaz")
            wait_until(lambda: Alarm.DRIFT.name in station.link.situation().alarms, "it has drifted")
            wait_until(lambda: station.records.pulse.upkeep.paused_by != "", "the pulse tells of it")
            wait_until(lambda: station.records.pulse.situation.alarms != (), "and of the alarm")
            yield get(port)
        with pytest.raises(OSError, match="refused"):
            get(port)


@pytest.fixture(scope="module")
def samples(page: str) -> Samples:
    return samples_of(page)


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of what has these labels; there is some."""
    found = [value for seen, value in samples[name] if labels.items() <= seen.items()]
    assert found, f"no {name} {labels}"
    return sum(found)


def test_parts_are_counted_and_yield_can_be_computed(samples: Samples) -> None:
    assert value(samples, "linegate_parts_total", verdict="pass") == 175
    assert value(samples, "linegate_parts_total", verdict="reject", reason="defect", counts="yes") == 20
    assert value(samples, "linegate_parts_total", verdict="no_decision", reason="frame_timeout", counts="yes") == 5
    assert value(samples, "linegate_parts_total", counts="challenge") == 1
    assert value(samples, "linegate_parts_total", counts="yes") == 200, "the known bad part is out of yield"
    assert value(samples, "linegate_defects_total", **{"class": "crack"}) == 20
    assert value(samples, "linegate_plc_actions_total", action="unknown") == 201, "there is no PLC"


def test_stages_are_in_seconds_in_buckets_that_fit(samples: Samples) -> None:
    for stage, seconds in (("grab", 0.005), ("run", 0.007), ("segment", 0.008), ("judge", 0.0004)):
        assert value(samples, "linegate_stage_seconds_count", stage=stage) == 201
        assert value(samples, "linegate_stage_seconds_sum", stage=stage) == pytest.approx(201 * seconds)
    assert value(samples, "linegate_stage_seconds_bucket", stage="segment", le="0.005") == 0
    assert value(samples, "linegate_stage_seconds_bucket", stage="segment", le="0.01") == 201


def test_state_drift_disk_and_process_are_there(samples: Samples) -> None:
    assert value(samples, "linegate_ready") == 0, "it is paused"
    assert value(samples, "linegate_paused") == 1
    assert value(samples, "linegate_alarm", alarm="DRIFT") == 1
    assert value(samples, "linegate_alarm", alarm="CHALLENGE_PASSED") == 0
    assert value(samples, "linegate_drift_out", figure="mean_grey") == 1
    assert value(samples, "linegate_drift_value", figure="mean_grey") == pytest.approx(61, abs=1)
    assert value(samples, "linegate_drift_low", figure="mean_grey") > 100
    assert value(samples, "linegate_drift_usual", figure="defect_rate.crack") == pytest.approx(20 / 100, abs=0.03)
    assert value(samples, "linegate_disk_free_bytes", folder="state") > 1e6
    assert value(samples, "linegate_journal_bytes") > 10_000
    assert value(samples, "process_resident_memory_bytes") > 1e7
    assert value(samples, "linegate_model_info", precision="int8", provider="cpu", sha256="ab" * 32) == 1
    assert value(samples, "linegate_recipe_info", number="1", recipe="tile") == 1
    assert "linegate_plc_up" not in samples, "a station without a PLC says nothing of one"


def test_names_follow_the_conventions(page: str) -> None:
    families = list(text_string_to_metric_families(page))
    for family in families:
        assert re.fullmatch(r"(linegate|process)_[a-z_0-9]+", family.name)
        assert family.documentation
        assert not family.name.endswith(("_ms", "_mb", "_us", "_ns"))
        for sample in family.samples:
            assert {"line": "line1", "station": "cam1"}.items() <= sample.labels.items()
            assert not {"job", "instance"} & set(sample.labels), "Prometheus' own labels"
    assert sum(len(family.samples) for family in families) < 500


# --- dashboard and alerts --------------------------------------------------------------------------------------------

PLC_ONLY = {"linegate_plc_up", "linegate_plc_write_gap_seconds", "linegate_plc_torn_reads_total"}


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield re.sub(r"\$__rate_interval|\$__range", "5m", target["expr"])
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield re.sub(r"label_values\((.*), \w+\)", r"\1", variable["definition"])
    for rule in ALERTS["groups"][0]["rules"]:
        yield rule["expr"]


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_every_query_parses_and_asks_for_what_there_is(query: str, samples: Samples) -> None:
    promql_parser.parse(query)
    named = set(re.findall(r"\b(?:linegate|process)_\w+", query))
    assert named <= set(samples) | PLC_ONLY
    assert named or query.startswith("up{")
    for name, selector in re.findall(r"(linegate_\w+)\{([^}]*)\}", query):
        labels = {label for seen, _ in samples.get(name, []) for label in seen}
        asked = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        assert not labels or asked <= labels, f"{name} has no label {asked - labels}"
        for label, wanted in re.findall(r'(\w+)="([a-z_A-Z]+)"', selector):
            assert any(seen[label] == wanted for seen, _ in samples.get(name, [])), f"{label} is never {wanted}"


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert "id" not in DASHBOARD, "Grafana gives its own"
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, "of whoever imports it"
            assert panel["title"]
            for target in panel["targets"]:
                assert {"line", "station"} <= set(re.findall(r"\$(\w+)", target["expr"])) <= variables | {
                    "__rate_interval", "__range"
                }  # fmt: skip
    below = sorted((panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels)
    assert all(one != other for one, other in pairwise(below)), "no panel lies on another"


# --- the endpoint ----------------------------------------------------------------------------------------------------

CONTENT = b"a_figure 1\n" * 4000


@pytest.fixture
def served() -> Iterator[tuple[int, MetricsEndpoint]]:
    port = free_port()
    serving = MetricsEndpoint(f"127.0.0.1:{port}", lambda: ("text/plain", CONTENT))
    yield port, serving
    serving.close()
    assert not serving._worker.alive


def connect(port: int) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.settimeout(20)
    client.connect(("127.0.0.1", port))
    return client


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00garbage\r\n\r\n", b"405"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 20_000, b"431"),
        (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", b"200"),
    ],
)
def test_what_is_not_understood_is_told_so(served: tuple[int, MetricsEndpoint], request_: bytes, status: bytes) -> None:
    with connect(served[0]) as client:
        client.sendall(request_)
        with suppress(ConnectionResetError):  # what it had still to say was not read
            assert client.recv(64).split()[1] == status
    assert get(served[0]) == CONTENT.decode()


def mute(client: socket.socket) -> None:
    client.recv(1)


def slow(client: socket.socket) -> None:
    client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    while client.recv(16):
        time.sleep(0.1)


def endless(client: socket.socket) -> None:
    client.sendall(b"GET /metrics HTTP/1.1\r\n")
    while True:
        client.sendall(b"X: y\r\n")
        time.sleep(0.001)


def babbling(client: socket.socket) -> None:
    while True:
        client.sendall(b"\x00\xff" * 500)


def test_fifty_hostile_clients_at_once_do_not_keep_prometheus_out(served: tuple[int, MetricsEndpoint]) -> None:
    """Each comes again as soon as it is thrown out; the endpoint's thread stays the only one."""
    port, serving = served
    over = threading.Event()

    def attack(how: Callable[[socket.socket], None]) -> None:
        while not over.is_set():
            with suppress(OSError), connect(port) as client:
                how(client)
            time.sleep(0.01)

    before = threading.active_count()
    hostile = [
        threading.Thread(target=attack, args=(how,), daemon=True)
        for how in [*[mute] * 40, *[slow, endless, babbling] * 4]
    ]
    for thread in hostile:
        thread.start()
    try:
        wait_until(lambda: len(serving._open) >= endpoint.MOST_CONNECTIONS, "the house is full")
        for _ in range(5):
            assert get(port) == CONTENT.decode()
            assert len(serving._open) <= endpoint.MOST_CONNECTIONS
        assert threading.active_count() <= before + len(hostile)
    finally:
        over.set()


def test_who_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "LIMIT_S", 0.1)
    port = free_port()
    serving = MetricsEndpoint(f"127.0.0.1:{port}", lambda: ("text/plain", CONTENT * 200))
    with connect(port) as quiet, connect(port) as asking:
        asking.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")  # and reads nothing of the 8 MB
        assert quiet.recv(1) == b""
        wait_until(lambda: serving.refused == 2 and not serving._open, "both are gone")
    serving.close()


def test_an_endpoint_that_cannot_be_had_is_one_line(served: tuple[int, MetricsEndpoint]) -> None:
    for place, why in ((f"127.0.0.1:{served[0]}", "address already in use"), ("192.0.2.1:9464", "cannot assign")):
        with pytest.raises(ConfigError, match=rf"metrics\.endpoint = '{place}': {why}[a-z ]*: stop .*") as caught:
            MetricsEndpoint(place, lambda: ("", b""))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "warned"),
    [("127.0.0.1:9464", False), ("[::1]:9464", False), ("0.0.0.0:9464", True), ("line1:9464", True)],
)
def test_an_endpoint_open_to_the_network_is_warned_of(place: str, warned: bool) -> None:
    assert ("firewall" in figures_exposed(MetricsConfig(endpoint=place))) is warned


def test_without_the_table_nothing_is_imported_or_opened() -> None:
    code = "import sys, agent.records; assert not {'prometheus_client', 'agent.monitor.endpoint'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
    assert load_config(ROOT / "config/demo.toml").metrics is None
