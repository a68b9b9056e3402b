"""`linegate calibrate`: Millimetres per pixel from the photo of a target."""

from __future__ import annotations

from agent.errors import UsageError, exit_on_error


def calibrate() -> None:
    """Millimetres per pixel from the photo of a target.  Example: linegate calibrate"""
    with exit_on_error():
        raise UsageError("not built yet")
