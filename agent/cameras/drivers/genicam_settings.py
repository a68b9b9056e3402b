"""What a GenICam camera is told after every opening, in order, and what it must then say of itself.

The same for Aravis and for a vendor's GenTL producer.
"""

from __future__ import annotations

from typing import Protocol

from agent.camera_config import GenicamSettings, Mode

Value = bool | int | float | str


class Features(Protocol):
    """A camera's GenICam features, by name."""

    def has(self, name: str) -> bool:
        """Does this camera have it, and is it available now?"""
        ...

    def get(self, name: str) -> Value: ...

    def set(self, name: str, value: Value) -> None:
        """Raises ConfigError with the camera's own words when it refuses."""
        ...


def apply(config: GenicamSettings, mode: Mode, features: Features) -> None:
    """Write every setting and read it back; ConfigError names the one that the camera did not take, and what it has."""
    raise NotImplementedError
