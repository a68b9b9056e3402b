"""A command that reads much does it beside a running station, which comes first."""

from __future__ import annotations

import os

NICENESS = 10


def give_way() -> None:
    """Lower this process's priority, for good."""
    os.nice(NICENESS)
