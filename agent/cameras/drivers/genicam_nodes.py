"""The features of a camera by name, from the node map that GenApi makes of the camera's description of itself."""

from __future__ import annotations

from typing import Any

from agent.cameras.drivers.genicam_settings import Value
from agent.cameras.drivers.gentl_producer import PASSING, VENDOR_ERRORS, genapi, own_words
from agent.errors import ConfigError


class GenicamNodes:
    """`Features` of genicam_settings."""

    def __init__(self, nodes: Any) -> None:
        self._nodes = nodes

    def has(self, name: str) -> bool:
        """Does this camera have it, and is it available now?"""
        return self._nodes.has_node(name) and self._access(name) in (genapi.EAccessMode.RO, genapi.EAccessMode.RW)

    def get(self, name: str) -> Value:
        """As the camera has it now."""
        value: Value = getattr(self._nodes, name).value
        return value

    def set(self, name: str, value: Value) -> None:
        """Raises ConfigError with the camera's own words when it refuses; it may be fixed at this value.

        One of PASSING when it was not asked at all.
        """
        node = getattr(self._nodes, name)
        if self._access(name) == genapi.EAccessMode.RO and node.value == value:
            return
        whole = isinstance(node, genapi.IInteger) and isinstance(value, float) and value.is_integer()
        try:
            node.value = int(value) if whole else value
        except PASSING:
            raise
        except VENDOR_ERRORS as error:
            raise ConfigError(own_words(error)) from error
        except TypeError as error:
            raise ConfigError(f"{value!r} is not of its type") from error

    def choices(self, name: str) -> list[str]:
        """The entries of an enumeration that can be chosen now; of anything else none."""
        node = getattr(self._nodes, name, None)
        return list(node.symbolics) if isinstance(node, genapi.IEnumeration) else []

    def limits(self, name: str) -> tuple[float, float, float] | None:
        """Least, greatest and step (0: any) of a number; None of anything else."""
        node = getattr(self._nodes, name, None)
        if isinstance(node, genapi.IInteger):
            return node.min, node.max, node.inc
        return (node.min, node.max, 0.0) if isinstance(node, genapi.IFloat) else None

    def _access(self, name: str) -> Any:
        return getattr(self._nodes, name).get_access_mode()
