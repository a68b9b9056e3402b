"""`linegate camera`: what a vision engineer asks a camera before a station is made of it."""

from __future__ import annotations

from agent.errors import UsageError, exit_on_error


def camera_list() -> None:
    """Every camera that can be seen from here.  Example: linegate camera list"""
    with exit_on_error():
        raise UsageError("not built yet")


def camera_snap() -> None:
    """One photo, as the station would take it.  Example: linegate camera snap config/line.toml -o frame.png"""
    with exit_on_error():
        raise UsageError("not built yet")


def camera_live() -> None:
    """Rate, gaps, brightness, sharpness.  Example: linegate camera live config/line.toml"""
    with exit_on_error():
        raise UsageError("not built yet")
