"""Fixtures shared by all tests, and how hypothesis draws its examples.

`HYPOTHESIS_PROFILE=explore pytest …` draws new examples, and more of them; by default they are the same every time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.tiny_model import write_tiny_model

ROOT = Path(__file__).parent.parent
Linegate = Callable[..., subprocess.CompletedProcess[str]]

signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # behind nohup … & it is ignored, and so it would be in all we start

_QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("same", derandomize=True, **_QUIET)
settings.register_profile("explore", derandomize=False, max_examples=1000, **_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real ONNX file with a contract that takes every dark pixel for a blowhole."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def two_verdict_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blowhole is what is darker than grey 55: about half of the rendered tiles pass."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "two_verdicts.onnx", dark_below=55)


@pytest.fixture(scope="session")
def linegate() -> Linegate:
    """Run `linegate ARGUMENTS` as a user would, in a process of its own."""

    def run(*arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agent", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200"},
            check=False,
        )

    return run
