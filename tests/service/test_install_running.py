"""An upgrade of a station that runs, under a real systemd: the new version is READY, or the old one is again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agent.local_line import LineOptions
from tests.service import disk
from tests.service.machine import Machine, why_not
from tests.service.service_line import ServiceLine

LACKING = why_not() or disk.why_not()
pytestmark = pytest.mark.skipif(bool(LACKING), reason=LACKING)

BELT = LineOptions(seconds=3000, rate_per_s=10)


class LineComputer(Machine):
    """A machine on which systemd/install can be run, and finds what it needs without network."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        uv, cache = disk.UV, subprocess.run([disk.UV, "cache", "dir"], capture_output=True, text=True).stdout.strip()
        with (folder / "shared").open("a") as shared:
            shared.write(f"{cache} /opt/uv-cache\n{uv.parent} /opt/uv\n{folder.parent} /opt/checkouts\n")

    def install(self, checkout: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Of /opt/checkouts/…"""
        settings = {"UV_CACHE_DIR": "/opt/uv-cache", "UV_LINK_MODE": "symlink", "UV_COMPILE_BYTECODE": "0"}
        settings["PATH"] = f"/opt/uv:{os.environ['PATH']}"
        variables = [f"{name}={value}" for name, value in settings.items()]
        return self.run("env", *variables, f"/opt/checkouts/{checkout}/systemd/install", *arguments)

    def version(self, unit: str) -> str:
        """Of the process that runs, by its program."""
        pid = self.main_pid(unit)
        return Path(f"/proc/{pid}/cmdline").read_text().split("/versions/")[1].split("-")[0] if pid else ""


def _breaks(checkout: Path, what: str) -> None:
    """From then on its stations do this as soon as they have started."""
    station = checkout / "agent" / "station.py"
    start = "    sys.setswitchinterval(SWITCH_INTERVAL_S)\n"
    assert start in station.read_text()
    station.write_text(station.read_text().replace(start, f"    {what}\n{start}"))


def test_a_version_that_does_not_become_ready_is_rolled_back(tmp_path: Path) -> None:
    disk.checkout(tmp_path / "old", "0.1.0")
    _breaks(disk.checkout(tmp_path / "new", "0.2.0"), 'raise Fault("no good on this computer")')
    with LineComputer(tmp_path / "machine") as machine:
        installed = machine.install("old", "--with", "line1:realtime")
        assert installed.returncode == 0, installed.stderr
        with ServiceLine(machine, "line1", BELT) as line:
            assert machine.version(line.unit) == "0.1.0"
            line.wait_for_parts(3)
            refused = machine.install("new")
            assert refused.returncode == 1
            said = refused.stderr.splitlines()
            assert said[0].startswith("error: linegate@line1.service is not READY: ")
            assert said[1].startswith("rolled back: linegate 0.1.0-")
            assert machine.show(line.unit, "ActiveState")["ActiveState"] == "active"
            assert machine.version(line.unit) == "0.1.0"
            assert len(list(Path(f"/proc/{machine.main_pid(line.unit)}/root/opt/linegate/versions").iterdir())) == 1
            line.wait_for_parts(len(line.truth()) + 3)
