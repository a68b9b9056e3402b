"""`linegate record`: Store frames with their timing, for a replay."""

from __future__ import annotations

from agent.errors import UsageError, exit_on_error


def record() -> None:
    """Store frames with their timing, for a replay.  Example: linegate record"""
    with exit_on_error():
        raise UsageError("not built yet")
