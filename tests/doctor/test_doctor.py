"""linegate doctor as a whole: what it prints, its JSON, its exit codes; and that a running station is left alone."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from agent.__main__ import main
from agent.agent_epoch import state_dir_alone
from agent.config import load_config
from agent.doctor.camera import examine_camera
from agent.doctor.examination import GROUPS
from agent.doctor.examined import Examined, json_schema
from agent.doctor.model import examine_model
from agent.doctor.plc import examine_plc
from agent.doctor.ports import examine_ports
from agent.doctor.running import running_station
from agent.doctor.station import examine_station, judge_pulses
from agent.finding import Level
from agent.messages import StatusMessage, Upkeep
from tests.conftest import ROOT
from tests.doctor.stations import found, station, subject, with_plc, with_stream
from tests.results.outlet import Outlet
from tests.waiting import local_ports

Doctor = Callable[..., tuple[int, str, str]]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Doctor]:
    """`linegate doctor ARGUMENTS` in this process: its exit code, what it prints, what it complains of."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["linegate", "doctor", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    interval_s = sys.getswitchinterval()
    yield run
    sys.setswitchinterval(interval_s)


def test_a_good_station_is_told_in_json(tiny_model: Path, tmp_path: Path, doctor: Doctor) -> None:
    code, out, complaint = doctor(station(tmp_path, tiny_model), "--seconds", 0.5, "--json")
    told = Examined.model_validate_json(out)
    assert (code, complaint) == (0 if told.good else 1, "")
    assert [group.name for group in told.groups] == list(GROUPS)
    assert told.good == (told.counts[Level.WRONG] == 0)
    assert not told.running
    levels = {(group.name, finding.subject): finding.level for group in told.groups for finding in group.findings}
    for right in (("model", "nodes"), ("model", "self-test"), ("camera", "photos"), ("camera", "losses")):
        assert levels[right] is Level.RIGHT
    assert {"model_run_ms", "camera_wait_ms", "disk_sync_ms"} <= set(told.figures)
    assert not (tmp_path / "state").exists(), "it has made something"


def test_its_json_is_as_committed() -> None:
    committed = json.loads((ROOT / "config" / "schemas" / "linegate.doctor-1.json").read_text())
    assert committed == json_schema(), "minor versions only add; regenerate it"


def test_what_is_wrong_is_exit_1_and_text_without_colours(tiny_model: Path, tmp_path: Path, doctor: Doctor) -> None:
    path = station(tmp_path, tiny_model)
    (tmp_path / "recipe.toml").write_text('name = "x"\njob = 1\nframe = { min_mean_grey = 254 }\n[classes]\n')
    path.write_text(path.read_text().replace(str(ROOT / "config/recipes/magnetic_tile.toml"), "recipe.toml"))
    code, out, _ = doctor(path, "--seconds", 0.5)
    assert code == 1, out
    assert "\x1b" not in out
    assert "✗  photos" in out
    assert "would not be decided on: mean grey" in out
    assert "→ see light, lens and exposure" in out
    *_, last = out.splitlines()
    counted = [int(part.split()[0]) for part in last.split(", ")]
    assert counted[0] >= 1
    assert last.endswith("not known")


def test_a_bad_config_is_78_and_one_line(tiny_model: Path, tmp_path: Path, doctor: Doctor) -> None:
    code, out, complaint = doctor(station(tmp_path, tiny_model, station={"nmae": "x"}))
    assert (code, out, complaint.count("\n")) == (78, "", 1)
    assert "did you mean 'name'?" in complaint


@pytest.fixture
def line_of_traps(tiny_model: Path, tmp_path: Path) -> Iterator[tuple[Path, list[socket.socket]]]:
    """A station that runs, by its lock; whoever comes to its PLC, camera or ports is noticed."""
    traps = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [trap.getsockname()[1] for trap in traps]
    path = with_plc(tmp_path, tiny_model, ports[0])
    with_stream(path, f"rtsp://127.0.0.1:{ports[1]}/")
    with state_dir_alone(tmp_path / "state"):
        yield path, traps
    for trap in traps:
        trap.close()


def test_a_station_that_runs_is_not_disturbed(line_of_traps: tuple[Path, list[socket.socket]]) -> None:
    path, traps = line_of_traps
    pid = running_station(load_config(path))
    assert pid == os.getpid()
    for group in (examine_plc, examine_camera, examine_model, examine_ports):
        unknown = [finding for finding in group(subject(path, pid)) if finding.level is Level.UNKNOWN]
        assert unknown, group
        assert "the station runs" in unknown[0].seen
    for trap in traps:
        trap.settimeout(0)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_it_runs_no_more_when_its_lock_is_free(tiny_model: Path, tmp_path: Path) -> None:
    config = load_config(station(tmp_path, tiny_model))
    assert running_station(config) is None
    with state_dir_alone(tmp_path / "state"):
        assert running_station(config) == os.getpid()
    assert running_station(config) is None


def pulse(**fields: object) -> StatusMessage:
    known = {"line": "l", "station": "s", "agent_epoch": 1, "last_message_id": 0, "utc": "", "plc_status": ["READY"]}
    return StatusMessage.model_validate(known | {"plc_write_gap_ms": 20.0} | fields)


@pytest.mark.parametrize(
    ("first", "newest", "subject_", "level", "seen"),
    [
        ({}, {}, "write gap", Level.RIGHT, "(n = 2)"),
        ({}, {"plc_write_gap_ms": 300.0}, "write gap", Level.DOUBTFUL, "300"),
        ({}, {"plc_write_gap_ms": 0.0}, "write gap", Level.WRONG, "min 0"),
        ({}, {"plc_status": ["ONLINE", "CAMERA_DOWN"]}, "status", Level.WRONG, "CAMERA_DOWN"),
        ({}, {"plc_status": ["READY", "BYPASSED"]}, "status", Level.DOUBTFUL, "BYPASSED"),
        ({}, {"upkeep": Upkeep(paused_by="R. Diaz")}, "status", Level.DOUBTFUL, "paused by R. Diaz"),
        ({}, {"alarms": ["DRIFT"]}, "alarms now", Level.DOUBTFUL, "DRIFT"),
        ({}, {"alarms": ["X"], "plc_status": ["READY", "STOP_REQUEST"]}, "alarms now", Level.WRONG, "X"),
        ({"no_decisions": {"a": 1}}, {"no_decisions": {"a": 3}}, "parts", Level.DOUBTFUL, "3 without a decision (3 a)"),
        ({}, {"unsolicited_frames": 1}, "parts", Level.DOUBTFUL, "1 frames of no part"),
        ({}, {"upkeep": Upkeep(journal_trouble="disk full")}, "upkeep", Level.WRONG, "disk full"),
        ({}, {"upkeep": Upkeep(live_dropped=4)}, "upkeep", Level.DOUBTFUL, "4 live_dropped"),
    ],
)
def test_pulses_are_judged(
    first: dict[str, object], newest: dict[str, object], subject_: str, level: Level, seen: str
) -> None:
    told = {finding.subject: finding for finding in judge_pulses([pulse(**first), pulse(**newest)], 100.0)}[subject_]
    assert (told.level, seen in told.seen) == (level, True), told
    assert bool(told.remedy) == (level is not Level.RIGHT)


def test_a_station_without_a_lock_to_see_is_known_by_its_pulse(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container with a disk of its own; it is told of, and one of another name at its ports is not it."""
    ports = local_ports("control")
    outlet = Outlet(tmp_path / "journal.sqlite", ports)
    control = outlet.sockets.bind(zmq.ROUTER, "control")
    publisher = {name: getattr(ports, name) for name in ("results", "replay", "control")}
    try:
        names = {"name": "cam1", "state_dir": str(tmp_path / "state")}
        ours = station(tmp_path, tiny_model, station=names, publisher=publisher)
        assert running_station(load_config(ours)) == 0
        told = found(examine_station, subject(ours, 0))
        assert told["status"].seen == "STATUS 0", "its link is not open yet"
        assert (told["status"].level, told["upkeep"].level) == (Level.WRONG, Level.RIGHT)
        monkeypatch.setattr("agent.doctor.station.PULSES_S", 0.2)
        assert running_station(load_config(station(tmp_path, tiny_model, publisher=publisher))) is None
    finally:
        control.close()
        outlet.stop()
