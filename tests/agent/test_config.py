"""Configs: every shipped one loads, and every mistake is one clear line with the right exit code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from agent.camera_config import Camera, FolderCamera
from agent.command_line import app
from agent.config import load_config
from agent.errors import ConfigError
from agent.recipe import load_recipe
from tests.conftest import ROOT, Linegate

SHIPPED = sorted((ROOT / "config").glob("*.toml"))
DEMO = (ROOT / "config" / "demo.toml").read_text()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_config_loads_with_its_recipe(path: Path) -> None:
    config = load_config(path)
    assert load_recipe(config.recipe).classes
    assert config.model.path.name == "magnetic_tile.onnx"
    if isinstance(config.camera, FolderCamera):
        assert config.camera.path.is_file() or any(config.camera.path.iterdir())


def test_line_toml_names_every_key() -> None:
    """The commented file is the reference: no key of the schema is missing from it."""
    text = (ROOT / "config" / "line.toml").read_text()
    named = set(re.findall(r"^#? ?([a-z_]+) =", text, re.MULTILINE))
    config = load_config(ROOT / "config" / "line.toml")
    cameras = get_args(get_args(Camera)[0])
    for name, table in [*config, *((kind.__name__, kind) for kind in cameras)]:
        kind = table if isinstance(table, type) else type(table)
        fields = kind.model_fields if issubclass(kind, BaseModel) else {name: None}
        assert set(fields) <= named | {"plc_table"}, f"[{name}] lacks {set(fields) - named}"


SIMULATED = re.search(r"driver = .*\n(endpoint = .*\n)?", DEMO)[0]  # type: ignore[index]
ARAVIS = 'driver = "aravis"\ndevice = "x"\n'


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("host =", "cycel_ms = 3\nhost =", "unknown key 'plc.cycel_ms' (did you mean 'cycle_ms'?)"),
        ('host = "127.0.0.1"', "", "missing key 'plc.host'"),
        ("threads = 2", 'threads = "two"', "'model.threads'"),
        ("port = 1502", "port = 150200", "'plc.port'"),
        ('driver = "simulated"', 'driver = "simulatd"', "'camera.driver': 'simulatd' is unknown"),
        ('driver = "simulated"', "", "missing key 'camera.driver'"),
        ('provider = "cpu"', 'provider = "gpu"', "'model.provider'"),
        ('line = "line1"', 'line = "line 1/x"', "'station.line'"),
        ('driver = "simulated"', 'driver = "simulated"\nendpont = "x"', "'camera.endpont' (did you mean 'endpoint'?)"),
        (SIMULATED, 'driver = "folder"', "missing key 'camera.path'"),
        (SIMULATED, ARAVIS + "featurs = {}", "unknown key 'camera.featurs' (did you mean 'features'?)"),
        (SIMULATED, ARAVIS + "gain_db = 'x'", "'camera.gain_db': "),
        (SIMULATED, ARAVIS + "rate_per_s = 5", "camera.rate_per_s does not go with trigger.mode = 'hardware'"),
        (
            SIMULATED,
            ARAVIS + "exposure_us = 50001",
            "camera.exposure_us = 50001 is longer than trigger.min_pitch_ms = 50",
        ),
        ("[plc]", "[shifts]\nstarts = {}\n[plc]", "'shifts.starts': should have at least 1 item (found {})"),
        ("[plc]", "[shifts]\nstarts = 3\n[plc]", "'shifts.starts': should be a table (found 3)"),
        ("[plc]", "[journal]\nwait_ms = 251\n[plc]", "'journal.wait_ms': should be at most 250: a station that waits"),
        ("[plc]", "[plc", "not valid TOML"),
        ("min_pitch_ms = 50", "min_pitch_ms = 20", "parts could be confused"),
        ('mode = "hardware"', 'mode = "announced"', "it can do 'every_frame', 'hardware'"),
        (
            'mode = "hardware"',
            'mode = "announced"\nbelt_speed_mm_s = 500\nview_slack_mm = 2',
            "the part drifts 7.5 mm, trigger.view_slack_mm allows 2.0",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key_and_remedy(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "station.toml"
    assert old in DEMO
    path.write_text(DEMO.replace(old, new, 1))
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        (
            '[publisher]\nreplay = "tcp://127.0.0.1:5556"',
            "publisher.results = 'tcp://127.0.0.1:5556' and publisher.repl",
        ),
        ('[publisher]\ncontrol = "tcp://*:5557"', "publisher.replay = 'tcp://127.0.0.1:5557' and publisher.control = "),
        (
            '[publisher]\ncontrol = "tcp://localhost:5590"',
            "publisher.control = 'tcp://localhost:5590' and camera.endpoi",
        ),
        ('[metrics]\nendpoint = "0.0.0.0:5558"', "publisher.control = 'tcp://127.0.0.1:5558' and metrics.endpoint = "),
        ('[publisher]\nresults = "ipc://x"\nreplay = "ipc://x"', "publisher.results = 'ipc://x' and publisher.replay"),
    ],
)
def test_two_keys_that_want_one_port_are_named(tmp_path: Path, tables: str, complaint: str) -> None:
    path = tmp_path / "station.toml"
    path.write_text(DEMO + tables)
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        load_config(path)
    assert str(caught.value).count("a port of its own") == 1


def test_a_plc_that_comes_to_us_wants_a_port_of_its_own_too(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text((ROOT / "config/demo_server.toml").read_text().replace("port = 1502", "port = 5556"))
    with pytest.raises(ConfigError, match=r"publisher\.results = .* and plc\.port = '127\.0\.0\.1:5556'"):
        load_config(path)


SERIAL = 'serial = { device = "/dev/ttyS0" }\n'


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (SERIAL + 'host = "plc"', "plc.serial does not go with plc.transport = 'tcp'"),
        (SERIAL + 'transport = "rtu"\nport = 502', "plc.port does not go with plc.transport = 'rtu'"),
        ('transport = "rtu"', "missing table [plc.serial]"),
        (SERIAL + 'transport = "rtu"\nrole = "server"', "plc.role = 'server' needs plc.transport = 'tcp'"),
        ('host = "::"\nrole = "server"\nprofile = "bits"', "plc.role = 'server' needs plc.profile = 'words'"),
        ('host = "::"\nrole = "server"\ncombined = true', "plc.combined does not go with plc.role = 'server'"),
        ('host = "::"\nrole = "server"\ndevice_id = 1', "plc.device_id does not go with plc.role = 'server'"),
        ('host = "::"\nrole = "server"\nscan_ms = 21', "plc.guard_ms = 30 is less than a scan and one cycle"),
        ('host = "plc"\nprofile = "bits"', "missing key 'plc.decide_ms'"),
        ('host = "plc"\nprofile = "bits"\ndecide_ms = 90\ncombined = true', "plc.combined does not go with plc."),
        ('host = "plc"\ndecide_ms = 400', "plc.decide_ms does not go with plc.profile = 'words'"),
        ('host = "plc"\ncycle_ms = 300', "plc.lost_after_ms = 500 is less than two cycles: make it 600 or more"),
        (SERIAL + 'transport = "rtu"\nguard_ms = 60', "plc.cycle_ms = 10 is less than one read and one write at 115200 "
         "baud: make it 56 or more"),
        (SERIAL + 'transport = "rtu"\ncycle_ms = 56', "plc.guard_ms = 30 is less than a scan and one write at 115200 "
         "baud: make it 49 or more"),
        (SERIAL + 'transport = "rtu"\ncycle_ms = 56\nguard_ms = 49\ntimeout_ms = 28',
         "plc.timeout_ms = 28 is less than the longest exchange at 115200 baud: make it 29 or more"),
        (SERIAL.replace(" }", ", baud_rate = 9600 }") + 'transport = "rtu"', "at 9600 baud one cycle takes 600 ms"),
    ],
)  # fmt: skip
def test_a_plc_table_that_cannot_work_is_refused(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        load_config(with_plc_table(tmp_path, table))
    assert "\n" not in str(caught.value)


def test_the_least_times_that_are_named_hold(tmp_path: Path) -> None:
    path = with_plc_table(
        tmp_path, SERIAL + 'transport = "rtu"\nscan_ms = 5\ncycle_ms = 56\nguard_ms = 34\ntimeout_ms = 29'
    )
    assert load_config(path).plc.where.startswith("on /dev/ttyS0 at 115200 baud: read 27.5 ms, write 28.2 ms")


def with_plc_table(folder: Path, table: str) -> Path:
    """The demo's file with this [plc], and its parts further apart."""
    path = folder / "station.toml"
    config = re.sub(r"\[plc\]\n.*?\n\n", f"[plc]\n{table}\n\n", DEMO, flags=re.DOTALL)
    path.write_text(config.replace("min_pitch_ms = 50", "min_pitch_ms = 100"))
    return path


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "station.toml"
    path.write_text(DEMO.replace("threads = 2", "threads = 0").replace("port = 1502", "prt = 1502"))
    with pytest.raises(ConfigError, match=r"model\.threads.*plc\.prt"):
        load_config(path)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "complaint"),
    [
        (["run", "/no/such/file.toml"], 78, "No such file"),
        (["check", "/no/such/file.toml"], 78, "No such file"),
        (["demo", "--images", "/no/such/folder"], 78, "give the folder of the unpacked magnetic-tile data set"),
        (["model", "show", "/no/such/model.onnx"], 78, "No such file"),
        (["model", "show", "/etc/hostname"], 78, "no exported model"),
        (["plc", "sim", "--camera", "bogus"], 78, "choose another endpoint"),
        (["plc", "sim", "--serial", "/dev/ttyNone", "--parts", "1"], 78, "ttyNone at 115200 baud: no such device"),
        (["plc", "sim", "--serial", "/dev/ttyNone", "--role", "client"], 2, "--serial does not go with --role client"),
        (["watch", "--results", "bogus"], 2, "is no endpoint"),
        (["demo", "--seconds", "-3"], 2, "--seconds"),
        (["nosuch"], 2, "No such command"),
    ],
)
def test_bad_input_is_one_line_and_no_traceback(
    linegate: Linegate, arguments: list[str], exit_code: int, complaint: str
) -> None:
    result = linegate(*arguments)
    assert result.returncode == exit_code
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("error: ")
    assert complaint in result.stderr


def commands(group: typer.core.TyperGroup, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of each, as they are typed."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name)


def test_every_command_has_help_with_an_example() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for command in commands(group):
        result = CliRunner().invoke(app, [*command, "--help"], prog_name="usage:", env={"COLUMNS": "200"})
        assert result.exit_code == 0
        assert f"linegate {' '.join(command)}" in result.stdout, command


def test_help_is_to_be_had_by_the_command_itself(linegate: Linegate) -> None:
    result = linegate("run", "--help")
    assert result.returncode == 0
    assert "linegate run" in result.stdout
