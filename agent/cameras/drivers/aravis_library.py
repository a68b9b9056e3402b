"""Aravis, if it is installed; and its errors in Linegate's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import CameraMissing, ConfigError

try:
    import gi

    gi.require_version("Aravis", "0.8")
    from gi.repository import Aravis, GLib
except (ImportError, ValueError) as error:
    Aravis = GLib = None
    MISSING = str(error)
else:
    MISSING = ""

__all__ = ["Aravis", "GLib", "in_cameras_words", "require_aravis"]

GONE = ("TIMEOUT", "NOT_CONNECTED", "NOT_FOUND", "NOT_CONTROLLER")


def require_aravis() -> None:
    """Raise ConfigError when it is not installed."""
    if MISSING:
        raise ConfigError(
            f"camera.driver = 'aravis': Aravis cannot be loaded ({MISSING}): in the checkout, "
            ".ci/system-packages aravis (Debian's gir1.2-aravis-0.8 and more), then "
            ".venv/bin/uv pip install --constraint constraints.txt --editable '.[aravis]'"
        )


@contextmanager
def in_cameras_words(what: str) -> Iterator[None]:
    """Raise CameraMissing when the camera does not answer, ConfigError when it refuses."""
    try:
        yield
    except GLib.Error as error:
        quark = Aravis.device_error_quark()
        if any(error.matches(quark, getattr(Aravis.DeviceError, name)) for name in GONE):
            raise CameraMissing(f"{what}: {error.message}") from error
        raise ConfigError(error.message) from error
