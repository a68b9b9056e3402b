"""The house keeps its shape: import rules, sizes, and an agent that needs no torch."""

from __future__ import annotations

import ast
import inspect
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from agent.station import Station
from tests.conftest import ROOT

BIN = Path(sys.executable).parent
PACKAGES = ("agent", "trainer", "export", "systemd/installing")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
ONE_SCREEN_LINES = 45
MAX_FILE_LINES = 260
MAX_FUNCTION_LINES = 60


def test_import_rules_hold() -> None:
    result = subprocess.run([BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_loop_fits_one_screen() -> None:
    lines = inspect.getsource(Station.run).splitlines() + inspect.getsource(Station._inspect).splitlines()
    assert len(lines) <= ONE_SCREEN_LINES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, node.name


def test_nothing_is_called_utils() -> None:
    assert not [path for path in SOURCES if path.stem in {"utils", "helpers", "manager", "base", "common", "misc"}]


def test_the_agent_runs_without_torch(tmp_path: Path) -> None:
    """The wheel in an empty environment: imports, shipped config, recipe and model, and no trainer dependency."""
    uv = [str(BIN / "uv")]
    run = {"check": True, "capture_output": True, "text": True, "env": os.environ | {"UV_LINK_MODE": "hardlink"}}
    source = tmp_path / "source"
    shutil.copytree(
        ROOT, source, ignore=shutil.ignore_patterns(".venv", ".git", ".dvc", "data", "checkpoints", "state")
    )
    subprocess.run([*uv, "build", "--wheel", "--quiet", "--out-dir", tmp_path, source], **run)
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], **run)
    python = tmp_path / "venv" / "bin" / "python"
    wheel = next(tmp_path.glob("linegate-*.whl"))
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *constraints, wheel], **run)
    probe = textwrap.dedent(
        """
        import importlib, importlib.util, pkgutil, agent
        from agent.check.check import check_config
        from agent.shipped import shipped
        for name in ("torch", "lightning", "onnx", "segmentation_models_pytorch", "dvc"):
            assert importlib.util.find_spec(name) is None, name
        for module in pkgutil.walk_packages(agent.__path__, "agent."):
            if module.name != "agent.__main__":
                importlib.import_module(module.name)
        assert "site-packages" in str(shipped("config/demo.toml"))
        assert not check_config(shipped("config/demo.toml")).problems.errors
        from agent.plc.map.table import print_map
        print_map("fb", "words")
        """
    )
    result = subprocess.run([python, "-c", probe], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "FUNCTION_BLOCK FB_Linegate" in result.stdout
    assert (
        subprocess.run([tmp_path / "venv" / "bin" / "linegate", "--help"], check=False, capture_output=True).returncode
        == 0
    )
