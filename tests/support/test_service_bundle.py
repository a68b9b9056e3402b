"""Doctor and bundle of a station that is a real service: under a real systemd, with its real log."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.doctor.examined import Examined
from agent.finding import Finding, Level
from tests.conftest import ROOT
from tests.doctor.stations import station
from tests.service.machine import Machine, why_not


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if lacks := why_not():
        pytest.skip(lacks)
    with Machine(tmp_path / "machine") as booted:
        yield booted


def test_a_running_service_is_told_of_whole(machine: Machine, tiny_model: Path, tmp_path: Path) -> None:
    path = station(tmp_path, tiny_model)
    text = (
        path.read_text().replace(str(tiny_model), "/etc/linegate/tiny.onnx").replace(str(ROOT), "/opt/linegate/source")
    )
    (machine.etc / "bench1.toml").write_text(text.replace(str(tmp_path / "state"), "/var/lib/linegate/bench1"))
    assert machine.run("systemctl", "start", "linegate@bench1").returncode == 1, "its model is not there yet"
    shutil.copy(tiny_model, machine.etc / "tiny.onnx")
    machine.systemctl("start", "linegate@bench1")
    pid = machine.show("linegate@bench1", "MainPID")["MainPID"]
    config, output = "/etc/linegate/bench1.toml", "/var/lib/linegate/bundle.tar.gz"
    done = machine.run("/opt/linegate/bin/linegate", "support-bundle", config, "-o", output)
    assert done.returncode == 0, done.stderr
    with tarfile.open(machine.state / "bundle.tar.gz") as bundle:
        texts = {member.name.split("/", 1)[1]: bundle.extractfile(member).read().decode() for member in bundle}  # type: ignore[union-attr]
    assert "READY" in texts["logs.txt"]
    (error,) = [entry for entry in json.loads(texts["errors.json"]) if "EVENT" in entry]
    assert (error["EVENT"], "tiny.onnx" in error["MESSAGE"]) == ("bad_config", True)
    assert "/etc/linegate/bench1.toml: good" in texts["config/check.txt"]
    assert "ExecStart=/opt/linegate/bin/linegate run" in texts["service.txt"]
    assert "Active: active (running)" in texts["service.txt"]
    examined = Examined.model_validate_json(texts["doctor.json"])
    assert examined.running
    told = {(group.name, finding.subject): finding for group in examined.groups for finding in group.findings}
    assert f"process {pid}" in told["station", "station"].seen
    assert "STATUS STANDALONE READY" in told["station", "status"].seen
    assert_right(told["service", "state"], "active (running)")
    assert_right(told["service", "watchdog"], "5s")
    sha256 = hashlib.sha256(tiny_model.read_bytes()).hexdigest()
    assert_right(told["model", "in use"], sha256[:12])
    assert told["service", "at boot"].remedy == "systemctl enable linegate@bench1.service"
    assert "runuser -u linegate -- linegate doctor" in told["permissions", "user"].remedy
    assert told["permissions", "user"].remedy.endswith("root is refused nothing")


def assert_right(finding: Finding, seen: str) -> None:
    assert (finding.level, seen in finding.seen) == (Level.RIGHT, True), finding
