"""Aravis, if it is installed; and its errors in Linegate's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import CameraMissing, ConfigError
from agent.extras import how_to_install

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

REFUSALS = (
    "FEATURE_NOT_FOUND", "WRONG_FEATURE", "INVALID_PARAMETER", "NO_STREAM_CHANNEL", "PROTOCOL_ERROR_NOT_IMPLEMENTED",
    "PROTOCOL_ERROR_INVALID_PARAMETER", "PROTOCOL_ERROR_INVALID_ADDRESS", "PROTOCOL_ERROR_WRITE_PROTECT",
    "PROTOCOL_ERROR_BAD_ALIGNMENT",
)  # fmt: skip
"""What the camera would say tomorrow, too. All else, as no answer, busy, or control lost, may pass."""


def require_aravis() -> None:
    """Raise ConfigError when it is not installed."""
    if MISSING:
        raise ConfigError(
            f"camera.driver = 'aravis': Aravis cannot be loaded ({MISSING}): it needs Debian's gir1.2-aravis-0.8 "
            f"and more (.ci/system-packages aravis; systemd/install does that too), then {how_to_install('aravis')}"
        )


@contextmanager
def in_cameras_words(what: str) -> Iterator[None]:
    """Raise ConfigError for what the camera refuses, by itself or by its description, CameraMissing for all else."""
    try:
        yield
    except GLib.Error as error:
        if _refuses(error):
            raise ConfigError(error.message) from error
        raise CameraMissing(f"{what}: {error.message}") from error


def _refuses(error: GLib.Error) -> bool:
    """By itself, or by its description of itself."""
    if error.domain == GLib.quark_to_string(Aravis.gc_error_quark()):
        return True
    quark = Aravis.device_error_quark()
    return any(error.matches(quark, getattr(Aravis.DeviceError, name)) for name in REFUSALS)
