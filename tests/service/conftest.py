"""The machine on which the tests of a module run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.conftest import pytest_terminal_summary, report
from tests.service.machine import Machine, why_not

__all__ = ["pytest_terminal_summary", "report"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Booted once for all tests of a module: each has station instances of its own."""
    if lacks := why_not():
        pytest.skip(lacks)
    with Machine(tmp_path_factory.mktemp("machine")) as booted:
        yield booted
