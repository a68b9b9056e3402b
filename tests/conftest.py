"""Fixtures shared by all tests, how hypothesis draws its examples, and in which order files go to the processes.

`HYPOTHESIS_PROFILE=explore pytest …` draws new examples, and more of them; by default they are the same every time.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from agent import local_line
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

FIRST = ("tests/export", "tests/cameras", "tests/faults", "tests/plc")
"""The longest tests lie there, the longest of all first: begun last, one of them would run on beside idle processes."""
WORKERS = 8
ONE_AT_A_TIME = "pytestmark = pytest.mark.gige"


def pytest_configure() -> None:
    """Workers share no port: one that `free_port` has given may be free for another second until its owner binds it."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw"))
    local_line.PORTS = local_line.PORTS[worker % WORKERS :: WORKERS]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first, GigE cameras before all: they are one after the other, and mostly wait."""
    items.sort(key=lambda item: (item.get_closest_marker("gige") is None, _place(item.nodeid)))


def _place(nodeid: str) -> int:
    return next((place for place, folder in enumerate(FIRST) if nodeid.startswith(folder)), len(FIRST))


class OnePort(LoadFileScheduling):
    """As --dist loadfile, but that all files of GigE cameras go to one process: they need the same UDP port."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._gige = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")
                      if ONE_AT_A_TIME in path.read_text(encoding="utf-8")}  # fmt: skip

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "gige" if file in self._gige else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OnePort:
    """With -n."""
    return OnePort(config, log)


@pytest.fixture(autouse=True)
def logging_as_found() -> Iterator[None]:
    """A command silences what its process logs; here that is the tests' own process, and the next one listens."""
    disabled, levels = logging.root.manager.disable, _levels()
    yield
    if logging.root.manager.disable != disabled:
        logging.disable(disabled)
    for name, level in _levels().items():
        if level != levels.get(name, logging.NOTSET):
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


def _levels() -> dict[str, int]:
    """Of the loggers that commands and tests quieten."""
    loggers = logging.root.manager.loggerDict.items()
    return {name: logger.level for name, logger in loggers
            if isinstance(logger, logging.Logger) and name.startswith(("agent", "asyncio", "pymodbus"))}  # fmt: skip


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real ONNX file with a contract that takes every dark pixel for a blowhole."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def two_verdict_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blowhole is what is darker than grey 55: about half of the rendered tiles pass."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "two_verdicts.onnx", dark_below=55)


@pytest.fixture(scope="session")
def linegate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linegate]:
    """Run `linegate ARGUMENTS` as a user would, in a process of its own; what it imports is imported once for all."""
    socket = tmp_path_factory.mktemp("linegate") / "forks"
    forks = subprocess.Popen([sys.executable, "-m", "tests.docs.forked_linegate", str(socket)], cwd=ROOT)
    while not socket.exists():
        assert forks.poll() is None, "linegate cannot be forked: see the output above"
        time.sleep(0.01)

    def run(*arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-IS", str(ROOT / "tests/docs/linegate_fork"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "200", "LINEGATE_FORKS": str(socket)},
            check=False,
        )

    yield run
    forks.kill()
    forks.wait()
