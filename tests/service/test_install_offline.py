"""A line computer without network, uv and anything downloaded before: all comes from the folder of `make wheels`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.service.disk import Computers, checkout, why_not

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1200), pytest.mark.skipif(bool(why_not()), reason=why_not())]


def test_it_is_installed_from_a_folder_of_wheels(tmp_path: Path) -> None:
    source = checkout(tmp_path / "linegate", "0.1.0")
    _make_wheels(source)
    (tmp_path / "computers").mkdir()
    with Computers(tmp_path / "computers") as computers, computers.start("bare") as computer:
        wanting = computer.install_offline(source)
        assert wanting.returncode != 0
        assert "Traceback" not in wanting.stderr, "no index can be reached"
        done = computer.install_offline(source, "--wheels", source / "wheels")
        assert done.returncode == 0, done.stderr
        assert (
            computer.run("linegate", "model", "verify", "/var/lib/linegate/models/magnetic_tile.onnx").returncode == 0
        )
        version = next(computer.path("/opt/linegate/versions").iterdir())
        assert any(version.rglob("agent/__pycache__/station.*.pyc")), "the service cannot compile it"
        assert not computer.path("/opt/linegate/downloads").exists()
        again = computer.install_offline(source, "--wheels", source / "wheels")
        assert again.stdout == "nothing to do\n"
        assert computer.install_offline(source, "uninstall", "--purge").returncode == 0
        assert not {path for path in computer.changed() if "linegate" in path}


def _make_wheels(source: Path) -> None:
    """As the Makefile does it, with the tests' Python in place of a new environment."""
    (line,) = re.findall(r"\$\(BIN\)/python (-m pip wheel .*?)\\\n", (ROOT / "Makefile").read_text())
    (pin,) = re.findall(r"^uv==.*$", (source / "constraints.txt").read_text(), re.MULTILINE)
    subprocess.run([sys.executable, *line.split(), pin, "."], cwd=source, check=True, capture_output=True)
