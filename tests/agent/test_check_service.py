"""`linegate check` of a service's station: what its unit keeps from it, and what only its own user sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.check import drop_ins, neighbours
from agent.check.check import check_config
from agent.check.confinement import kept_away
from agent.check.network import check_network
from agent.check.problems import Problems
from agent.config import Config, load_config
from agent.doctor.permissions import examine_permissions
from agent.finding import Level
from agent.model.store import Installed, ModelStore
from agent.toml import TomlFile
from tests.conftest import ROOT
from tests.doctor.stations import found, station, subject

NOBODY = 65534
EVERYWHERE = set(Config.model_fields)
ITS_OWN = {"station.state_dir", "archive.folder", "model.path"}
"""What this station names beside the repository's files, which may lie where no service sees them."""
LOOK = """
import json, sys
from pathlib import Path
from agent.check.check import check_config
from agent.doctor.model import examine_model
from agent.errors import ConfigError
from agent.support.case import open_case
from agent.support.station_pieces import model_contract
from tests.doctor.stations import subject

path = Path(sys.argv[1])
problems = check_config(path).problems
told = {"errors": problems.errors, "warnings": [str(problem) for problem in problems.found]}
told["doctor"] = [(finding.level, finding.seen) for finding in examine_model(subject(path))]
try:
    model_contract(open_case(path, 1))
except ConfigError as error:
    told["bundle"] = str(error)
print(json.dumps(told))
"""
LOOK_AT_UNIT = """
import sys
from pathlib import Path
from agent.check import drop_ins, neighbours
from agent.check.check import check_config

path = Path(sys.argv[1])
neighbours.STATIONS, drop_ins.UNITS = path.parent, path.parent / "units"
print(*check_config(path).problems.found, sep="\\n")
"""


def test_which_model_is_in_use_is_not_known_to_everybody(tiny_model: Path, tmp_path: Path) -> None:
    """The station writes model.json for its own user; an engineer may well look at all the rest."""
    path, store = station(tmp_path, tiny_model), ModelStore(tmp_path / "state", tiny_model)
    (tmp_path / "state").mkdir()
    own = store.configured()
    store.write(Installed(model=own, previous=own, configured=own, on_trial=False, running=False))
    state = tmp_path / "state" / "model.json"
    told = json.loads(_done_by_an_engineer(state, LOOK, path))
    (warning,) = told["warnings"]
    ((level, seen),) = told["doctor"]
    assert (told["errors"], level) == (0, Level.UNKNOWN)
    for said in (warning, seen, told["bundle"]):
        assert f"{state}: permission denied: which model is in use cannot be seen by this user" in said
        assert "runuser -u linegate -- linegate" in said


def _done_by_an_engineer(closed: Path, code: str, *arguments: Path) -> str:
    """What `code` prints where `closed` is another user's."""
    closed.chmod(0)
    drop = list[str]()
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv: to root nothing is closed")
        os.chown(closed, NOBODY, NOBODY)
        drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    command = [*drop, sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout


@pytest.fixture
def serviced(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A station that writes elsewhere, in the folder that systemd's stations are read from."""
    monkeypatch.setattr(neighbours, "STATIONS", tmp_path)
    monkeypatch.setattr(drop_ins, "UNITS", tmp_path / "units")
    return station(tmp_path, tiny_model, station={"state_dir": "/data/line1"}, archive={"folder": "/home/ann/pictures"})


def test_folders_that_the_unit_keeps_from_the_station(serviced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {kept.key: kept for kept in kept_away(load_config(serviced), EVERYWHERE, serviced)}
    assert set(told) >= ITS_OWN
    assert "does not see /home/ann/pictures (ProtectHome=yes" in told["archive.folder"].seen
    assert "(PrivateTmp=yes" in told["model.path"].seen
    edit = "systemctl edit linegate@station.service, with [Service] and ReadWritePaths=/data/line1"
    assert told["station.state_dir"].remedy == edit
    warned = [problem for problem in check_config(serviced).problems.found if not problem.is_error]
    assert any(edit in problem.text for problem in warned if problem.key == "station.state_dir")
    assert found(examine_permissions, subject(serviced))["archive.folder"].level is Level.DOUBTFUL
    monkeypatch.setattr(neighbours, "STATIONS", serviced.parent / "elsewhere")
    assert not list(kept_away(load_config(serviced), EVERYWHERE, serviced)), "nobody says that systemd runs it"


def test_what_a_drop_in_opens_is_open(serviced: Path) -> None:
    drop_in = serviced.parent / "units" / "linegate@station.service.d" / "override.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nReadWritePaths=/mnt -/data\nPrivateTmp=no\n")
    assert kept_of_its_own(serviced) == {"archive.folder"}
    text = serviced.read_text().replace("/data/line1", "/var/lib/linegate/station").replace("/home/ann", "/mnt")
    serviced.write_text(text)
    assert not kept_of_its_own(serviced)


def test_a_drop_in_that_is_not_for_this_user_is_told_of_and_the_others_count(serviced: Path) -> None:
    folder = serviced.parent / "units" / "linegate@.service.d"
    folder.mkdir(parents=True)
    (folder / "open.conf").write_text("[Service]\nReadWritePaths=/data\n")
    (folder / "sealed.conf").write_text("[Service]\nMemoryMax=4G\n")
    warned = _done_by_an_engineer(folder / "sealed.conf", LOOK_AT_UNIT, serviced).splitlines()
    sealed = f"{folder / 'sealed.conf'}: permission denied: what it opens or allows is not known"
    assert any(sealed in line for line in warned), warned
    assert not any("systemctl edit linegate@station.service, with" in line for line in warned), warned


def kept_of_its_own(path: Path) -> set[str]:
    return {kept.key for kept in kept_away(load_config(path), EVERYWHERE, path)} & ITS_OWN


@pytest.mark.parametrize("camera", ["192.168.10.20", "10.0.0.9"])
def test_camera_and_plc_have_an_address_each(camera: str, tmp_path: Path) -> None:
    path = tmp_path / "line.toml"
    path.write_text((ROOT / "config/line.toml").read_text().replace('"192.168.30.10"', f'"{camera}"'))
    problems = Problems(TomlFile(path, "config"))
    check_network(load_config(path), EVERYWHERE, problems)
    told = [problem.text for problem in problems.found if problem.key == "plc.host"]
    assert told == ["192.168.10.20 is the camera's address too: each device has one of its own"] * (
        camera == "192.168.10.20"
    )
