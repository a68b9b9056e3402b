"""The table of the fault tests at the end of a run."""

from __future__ import annotations

import pytest

from tests.faults.report import Report, table
from tests.faults.sizes import SEED

REPORT = Report()


@pytest.fixture(scope="session")
def report() -> Report:
    """Where a fault test writes down what it has measured."""
    return REPORT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if REPORT.findings:
        terminalreporter.section(f"fault tests, seed {SEED} (repeat with LINEGATE_FAULT_SEED={SEED})")
        for line in table(REPORT.findings):
            terminalreporter.write_line(line)
