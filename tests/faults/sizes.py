"""Two sizes of each fault test: the short one in `make test`, the full one behind `make faults`; and the seed of both.

LINEGATE_FAULT_SEED=N repeats a run: same verdicts, same faults in the same order. (Not the same microseconds.)
"""

from __future__ import annotations

import os
from typing import Any

import pytest

SEED = int(os.environ.get("LINEGATE_FAULT_SEED", "1"))
FULL_TIMEOUT_S = 3600


def sized(names: tuple[str, ...], short: tuple[Any, ...], full: tuple[Any, ...]) -> pytest.MarkDecorator:
    """Run the test with `names` = short, and under `make faults` with `names` = full."""
    full_marks = [pytest.mark.faults, pytest.mark.timeout(FULL_TIMEOUT_S)]
    return pytest.mark.parametrize(
        names, [pytest.param(*short, id="short"), pytest.param(*full, id="full", marks=full_marks)]
    )
