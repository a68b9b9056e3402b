"""systemd/install beside a station that runs, under a real systemd: docs/install.md in its order, and a bad version."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.local_line import LineOptions
from tests.conftest import ROOT
from tests.docs.pages import typed
from tests.service import disk
from tests.service.line_computer import LACKING, LineComputer
from tests.service.service_line import ServiceLine

pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

BELT = LineOptions(seconds=3000, rate_per_s=10)
PAGE = ROOT / "docs" / "install.md"
DOWNLOADS = {
    "apt-get install git python3-venv",
    "make wheels",
    "systemd/install --wheels wheels",
    "apt-get install --download-only --no-install-recommends -o Dir::State::status=/dev/null "
    '-o Dir::Cache::archives="$PWD" '
    "python3-venv libgl1 libglib2.0-0 gir1.2-aravis-0.8 gir1.2-glib-2.0 libgirepository-1.0-1 libcairo2",
    "dpkg --install --refuse-downgrade --skip-same-version *.deb",
    "systemd/install --extra aravis",
    "systemd/install --extra cuda --extra genicam",
}
"""These bring some 100 MB to 3 GB from package indexes; test_install_offline.py does it in `make faults`."""


def test_every_command_of_the_page_in_its_order(tmp_path: Path) -> None:
    """What the engineer does by hand between them: the station's file; a newer checkout before the upgrade."""
    assert set(typed(PAGE)) >= DOWNLOADS
    source = disk.checkout(tmp_path / "linegate", "0.1.0")
    upgrade = "systemd/install --dry-run"
    with LineComputer(tmp_path / "machine") as machine, ExitStack() as ends:
        line = ServiceLine(machine, "line1", BELT)
        ends.push(line.__exit__)
        seen: list[str] = []
        for command in (command for command in typed(PAGE) if command not in DOWNLOADS):
            if command == upgrade and command in seen:
                _make_newer(source)
            done = machine.typed(command, "linegate")
            assert done.returncode == 0, f"# {command}\n{done.stdout}{done.stderr}"
            seen.append(command)
            if command.startswith("cp -p /etc/linegate/line1.toml.example"):
                line.prepare()
            if command.startswith("systemctl enable"):
                assert machine.version(line.unit) == "0.1.0"
            if command == "systemd/install" and upgrade in seen[seen.index(upgrade) + 1 :]:
                assert machine.version(line.unit) == "0.2.0"
            if command == "systemd/install rollback":
                assert machine.version(line.unit) == "0.1.0"
                line.wait_for_parts(3)
        assert machine.version(line.unit) == "", "it is uninstalled"
        assert line.service_config.exists()
        assert line.journal.exists()


def _make_newer(checkout: Path) -> None:
    project = checkout / "pyproject.toml"
    project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))


@pytest.mark.faults
def test_a_version_that_does_not_become_ready_is_rolled_back(tmp_path: Path) -> None:
    disk.checkout(tmp_path / "old", "0.1.0")
    _breaks(disk.checkout(tmp_path / "new", "0.2.0"), 'raise Fault("no good on this computer")')
    with LineComputer(tmp_path / "machine") as machine:
        installed = machine.typed("systemd/install --with line1:realtime", "old")
        assert installed.returncode == 0, installed.stderr
        with ServiceLine(machine, "line1", BELT) as line:
            assert machine.version(line.unit) == "0.1.0"
            line.wait_for_parts(3)
            refused = machine.typed("systemd/install", "new")
            assert refused.returncode == 1
            said = refused.stderr.splitlines()
            assert said[0].startswith("error: linegate@line1.service is not READY: ")
            assert said[1].startswith("rolled back: linegate 0.1.0-")
            assert machine.show(line.unit, "ActiveState")["ActiveState"] == "active"
            assert machine.version(line.unit) == "0.1.0"
            assert len(list(Path(f"/proc/{machine.main_pid(line.unit)}/root/opt/linegate/versions").iterdir())) == 1
            line.wait_for_parts(len(line.truth()) + 3)


def _breaks(checkout: Path, what: str) -> None:
    """From then on its stations do this as soon as they have started."""
    station = checkout / "agent" / "open_station.py"
    start = "    sys.setswitchinterval(SWITCH_INTERVAL_S)\n"
    assert start in station.read_text()
    station.write_text(station.read_text().replace(start, f"    {what}\n{start}"))
