"""The remedy for a library that is missing is one that the computer in question can follow."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from agent.extras import how_to_install
from tests.conftest import ROOT


def test_an_installed_computer_is_told_of_the_installer() -> None:
    package = Path("/opt/linegate/versions/0.1.0-3f9a2c1d/lib/python3.11/site-packages/agent/extras.py")
    assert "systemd/install --extra dvc" in how_to_install("dvc", package)
    assert "uv pip install" in how_to_install("dvc")


def test_the_installer_knows_every_extra_that_a_remedy_names() -> None:
    text = (ROOT / "systemd" / "installing" / "source.py").read_text()
    (line,) = re.findall(r"^EXTRAS = \((.*)\)$", text, re.MULTILINE)
    offered = set(re.findall(r'"(\w+)"', line))
    code = "".join(file.read_text() for file in (ROOT / "agent").rglob("*.py"))
    named = set(re.findall(r"how_to_install\('(\w+)'\)", code))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert named == {"aravis", "genicam", "parquet", "dvc"}
    assert named <= offered <= set(project["optional-dependencies"])
