"""`linegate camera sim`: A GigE Vision camera that shows the simulated belt."""

from __future__ import annotations

from agent.errors import UsageError, exit_on_error


def camera_sim() -> None:
    """A GigE Vision camera that shows the simulated belt.  Example: linegate camera sim"""
    with exit_on_error():
        raise UsageError("not built yet")
