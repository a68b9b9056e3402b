"""A camera's GenICam features through Aravis."""

from __future__ import annotations

from typing import Any

from agent.cameras.drivers.aravis_library import Aravis, GLib, in_cameras_words
from agent.cameras.drivers.genicam_settings import Value
from agent.errors import ConfigError

UNBOUNDED = 1e300


class AravisFeatures:
    """What is read is read from the camera, not remembered; what is out of range is refused."""

    def __init__(self, device: Any, name: str) -> None:
        self._device, self._name = device, name
        device.set_register_cache_policy(Aravis.RegisterCachePolicy.DISABLE)
        device.set_range_check_policy(Aravis.RangeCheckPolicy.ENABLE)

    def has(self, name: str) -> bool:
        """Does this camera have it, and is it available now?"""
        with in_cameras_words(self._name):
            return bool(self._device.is_feature_available(name))

    def get(self, name: str) -> Value:
        """Its value, of the feature's own type."""
        node = self._device.get_feature(name)
        with in_cameras_words(self._name):
            if isinstance(node, Aravis.GcEnumeration | Aravis.GcString):
                return str(self._device.get_string_feature_value(name))
            if isinstance(node, Aravis.GcBoolean):
                return bool(self._device.get_boolean_feature_value(name))
            if isinstance(node, Aravis.GcFloat):
                return float(self._device.get_float_feature_value(name))
            return int(self._device.get_integer_feature_value(name))

    def set(self, name: str, value: Value) -> None:
        """Raises ConfigError with the camera's own words when it refuses, CameraMissing when it does not answer."""
        node = self._device.get_feature(name)
        with in_cameras_words(self._name):
            match node, value:
                case (Aravis.GcEnumeration() | Aravis.GcString(), str()):
                    self._device.set_string_feature_value(name, value)
                case (Aravis.GcBoolean(), bool()):
                    self._device.set_boolean_feature_value(name, value)
                case (Aravis.GcFloat(), int() | float()) if not isinstance(value, bool):
                    self._device.set_float_feature_value(name, float(value))
                case (Aravis.GcInteger(), int()) if not isinstance(node, Aravis.GcEnumeration | Aravis.GcBoolean):
                    self._device.set_integer_feature_value(name, value)
                case _:
                    raise ConfigError(f"it is a {_kind(node)}, not a {type(value).__name__}")

    def choices(self, name: str) -> list[str]:
        """The entries of an enumeration that can be chosen now; of anything else none."""
        if not isinstance(self._device.get_feature(name), Aravis.GcEnumeration):
            return []
        with in_cameras_words(self._name):
            return list(self._device.dup_available_enumeration_feature_values_as_strings(name))

    def limits(self, name: str) -> tuple[float, float, float] | None:
        """Least, greatest and step (0: any) of a number; None of anything else, and where it has no limits."""
        node = self._device.get_feature(name)
        if isinstance(node, Aravis.GcFloat):
            bounds, step = self._device.get_float_feature_bounds, self._device.get_float_feature_increment
        elif isinstance(node, Aravis.GcInteger):
            bounds, step = self._device.get_integer_feature_bounds, self._device.get_integer_feature_increment
        else:
            return None
        try:
            least, greatest = bounds(name)
            increment = step(name)
        except GLib.Error:  # it names no limits
            return None
        if max(abs(least), abs(greatest)) > UNBOUNDED:
            return None
        return float(least), float(greatest), 0.0 if increment < 1e-9 else float(increment)


def _kind(node: Any) -> str:
    return type(node).__name__.removeprefix("Gc").removesuffix("Node")
