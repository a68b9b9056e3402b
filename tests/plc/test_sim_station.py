"""What the simulator says of the station's file is a file that passes `linegate check`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.config import load_config
from agent.local_line import to_toml
from agent.plc.sim.simulator import LineOptions
from agent.plc.sim.station import as_toml, station_tables
from agent.plc.sim.wire import SimWireOptions
from agent.plc.wires.serial_timing import SerialLine
from tests.conftest import ROOT

DEMOS = {"server": "demo.toml", "client": "demo_server.toml"}


@pytest.mark.parametrize(
    ("wire", "line"),
    [
        ({}, {}),
        ({"role": "client"}, {}),
        ({"role": "client"}, {"scan_ms": 9.5}),
        ({"line": SerialLine("/dev/ttyS7")}, {}),
        ({"line": SerialLine("/dev/ttyS7"), "profile": "bits"}, {"mm_s": 64.0}),
        ({"profile": "bits"}, {"mm_s": 64.0}),
    ],
)
def test_the_lines_for_the_station_work(tmp_path: Path, wire: dict[str, Any], line: dict[str, Any]) -> None:
    options = {"scan_ms": 5.0, "decide_ms": 400, "mm_s": 320.0, **line}
    tables = station_tables(LineOptions(SimWireOptions(**wire), "tcp://127.0.0.1:5590", **options), pitch_mm=32)
    settings = tomllib.loads((ROOT / "config" / DEMOS[wire.get("role", "server")]).read_text())
    for name in tables:
        del settings[name]
    path = tmp_path / "station.toml"
    path.write_text(to_toml(settings) + as_toml(tables))
    config = load_config(path)
    assert config.plc.role == ("server" if wire.get("role") == "client" else "client")
    assert config.plc.transport == ("rtu" if "line" in wire else "tcp")
    assert config.trigger.min_pitch_ms == (450 if line.get("mm_s") else 90)


def test_demo_server_toml_is_what_the_simulator_says() -> None:
    options = LineOptions(SimWireOptions(role="client"), "tcp://127.0.0.1:5590", 5.0, 400, 320.0)
    shipped = tomllib.loads((ROOT / "config" / "demo_server.toml").read_text())
    assert shipped["plc"] == station_tables(options, 32)["plc"]
    assert shipped["trigger"]["min_pitch_ms"] == station_tables(options, 32)["trigger"]["min_pitch_ms"]
