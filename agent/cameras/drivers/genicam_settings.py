"""What a GenICam camera is told after every opening, in order, and what it must then say of itself.

The same for Aravis and for a vendor's GenTL producer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from agent.camera_config import FIRED, GenicamSettings, Mode
from agent.cameras.drivers.pixel_format import require_supported
from agent.errors import ConfigError

Value = bool | int | float | str

AUTOMATIC = ("ExposureAuto", "GainAuto", "BlackLevelAuto", "BalanceWhiteAuto", "GammaAuto")
"""A camera that adjusts itself shows the same part differently every time."""
EXPOSURE = ("ExposureTime", "ExposureTimeAbs")
GAIN = ("Gain", "GainAbs")
RATE = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
DELAY = ("TriggerDelay", "TriggerDelayAbs")
OWN_UNITS: dict[tuple[str, ...], str] = {
    EXPOSURE: " in µs: leave exposure_us out and set the camera's own feature in camera.features",
    ("TriggerMode",): " to be fired by: it can only run free, with trigger.mode = 'presence'",
    GAIN: " in dB: leave gain_db out and set the camera's own feature, as GainRaw, in camera.features",
}
TOLERANCE = 0.01
"""Cameras round times to their line clock and gains to their steps."""


class Features(Protocol):
    """A camera's GenICam features, by name."""

    def has(self, name: str) -> bool:
        """Does this camera have it, and is it available now?"""
        ...

    def get(self, name: str) -> Value: ...

    def set(self, name: str, value: Value) -> None:
        """Raises ConfigError with the camera's own words when it refuses."""
        ...

    def choices(self, name: str) -> list[str]:
        """The entries of an enumeration that can be chosen now; of anything else none."""
        ...

    def limits(self, name: str) -> tuple[float, float, float] | None:
        """Least, greatest and step (0: any) of a number; None of anything else."""
        ...


@dataclass(frozen=True)
class Setting:
    """One key of [camera] and the feature it sets, under its newer and older names; None: as the camera stands."""

    key: str
    names: tuple[str, ...]
    value: Value | None
    required: bool = True
    """False: a camera without the feature behaves so anyway."""


def apply(config: GenicamSettings, mode: Mode, features: Features) -> float:
    """Write every setting and read it back; ConfigError names the one that the camera did not take, and what it has.

    Gives the exposure as the camera says it, in µs; 0 when it has none.
    """
    require_supported(config.pixel_format)
    _refuse_automatic(config)
    _disarm(features)
    _make_room(config, features)
    written = [(setting, name) for setting in _settings(config, mode) if (name := _write(setting, features))]
    for setting, name in written:
        if name.endswith("Selector"):  # what follows is to be read where it was written
            _write(setting, features)
        _compare(setting, name, features, twice=name in config.features and setting.key != f"features.{name}")
    exposure = _first(EXPOSURE, features)
    if exposure is None:
        return 0.0
    found = features.get(exposure)
    if config.exposure_us is None:
        raise ConfigError(
            f"camera.exposure_us is missing: the camera has {exposure} = {_told(found)}: say what it is to be"
        )
    return float(found)


def kept(config: GenicamSettings, mode: Mode, features: Features) -> tuple[int, list[str]]:
    """(settings looked at, those that the camera has otherwise by now); any time after `apply`."""
    looked_at, differing = 0, list[str]()
    for setting in _settings(config, mode):
        if setting.value is None or (name := _first(setting.names, features)) is None:
            continue
        if name.endswith("Selector"):  # what follows is to be read where it was written
            features.set(name, setting.value)
        looked_at += 1
        if not _same(setting.value, found := features.get(name)):
            differing.append(f"camera.{setting.key} = {_told(setting.value)}, the camera has {name} = {_told(found)}")
    return looked_at, differing


def _settings(config: GenicamSettings, mode: Mode) -> Iterator[Setting]:
    """Everything, in the order in which it is to be written."""
    yield Setting("acquisition mode", ("AcquisitionMode",), "Continuous", required=False)
    yield from _trigger(config, mode)
    yield from _region("x", config.width_px, config.offset_x_px)
    yield from _region("y", config.height_px, config.offset_y_px)
    yield Setting("pixel_format", ("PixelFormat",), config.pixel_format)
    for name in AUTOMATIC:
        yield Setting(name, (name,), "Off", required=False)
    yield Setting("exposure_us", ("ExposureMode",), "Timed", required=False)
    yield Setting("exposure_us", EXPOSURE, config.exposure_us)
    yield Setting("gain_db", GAIN, config.gain_db)
    for name, value in config.features.items():
        yield Setting(f"features.{name}", (name,), value)


def _trigger(config: GenicamSettings, mode: Mode) -> Iterator[Setting]:
    """Armed for one frame a trigger; free running only where parts are found in the stream."""
    given = config.model_fields_set
    yield Setting("trigger_selector", ("TriggerSelector",), config.trigger_selector, "trigger_selector" in given)
    if mode == "presence":
        yield Setting("trigger mode", ("TriggerMode",), "Off", required=False)
        if config.rate_per_s is not None:
            yield Setting("rate_per_s", ("AcquisitionFrameRateEnable",), True, required=False)
        yield Setting("rate_per_s", RATE, config.rate_per_s)
        return
    yield Setting("trigger mode", ("TriggerMode",), "On")
    if mode in FIRED:
        yield Setting("trigger_source", ("TriggerSource",), config.trigger_source)
        yield Setting(
            "trigger_activation",
            ("TriggerActivation",),
            config.trigger_activation,
            required="trigger_activation" in given,
        )
        yield Setting("trigger_delay_us", DELAY, config.trigger_delay_us)
    else:
        yield Setting("trigger_source", ("TriggerSource",), "Software")


def _region(axis: str, size_px: int | None, offset_px: int | None) -> Iterator[Setting]:
    size_key, size, offset = ("width_px", "Width", "OffsetX") if axis == "x" else ("height_px", "Height", "OffsetY")
    yield Setting(size_key, (size,), size_px)
    default_px = None if size_px is None else 0
    yield Setting(
        f"offset_{axis}_px", (offset,), default_px if offset_px is None else offset_px, required=offset_px is not None
    )


def _refuse_automatic(config: GenicamSettings) -> None:
    for name in AUTOMATIC:
        if config.features.get(name, "Off") != "Off":
            raise ConfigError(
                f"camera.features.{name} = '{config.features[name]}': a camera that adjusts itself shows the same part "
                "differently every time: leave it out, it is set to 'Off'"
            )


def _disarm(features: Features) -> None:
    """No trigger is left on from whoever used the camera before: it would hold the frames back."""
    for selector in features.choices("TriggerSelector"):
        features.set("TriggerSelector", selector)
        if features.has("TriggerMode"):
            features.set("TriggerMode", "Off")


def _make_room(config: GenicamSettings, features: Features) -> None:
    """An offset of before may leave no room for the new size."""
    for size_px, offset in ((config.width_px, "OffsetX"), (config.height_px, "OffsetY")):
        if size_px is not None and features.has(offset):
            features.set(offset, 0)


def _first(names: tuple[str, ...], features: Features) -> str | None:
    return next((name for name in names if features.has(name)), None)


def _write(setting: Setting, features: Features) -> str | None:
    """The name under which this camera has the feature, now set; None: left as it stands, or done without.

    Looked up only now: what was written before may have made it available.
    """
    if setting.value is None:
        return None
    name = _first(setting.names, features)
    if name is None and setting.required:
        raise ConfigError(
            f"camera.{setting.key} = {_told(setting.value)}: this camera has no {' or '.join(setting.names)}"
            + OWN_UNITS.get(setting.names, ": take the key out, or give what the camera has")
        )
    if name is not None:
        try:
            features.set(name, setting.value)
        except ConfigError as error:
            raise ConfigError(
                f"camera.{setting.key} = {_told(setting.value)}: the camera refuses {name}: {error}: "
                f"{_remedy(name, features)}"
            ) from error
    return name


def _compare(setting: Setting, name: str, features: Features, twice: bool) -> None:
    found = features.get(name)
    if not _same(setting.value, found):
        raise ConfigError(
            f"camera.{setting.key} = {_told(setting.value)}: the camera has {name} = {_told(found)} instead: "
            + (f"take {name} out of camera.features" if twice else _remedy(name, features))
        )


def _same(wanted: Value | None, found: Value) -> bool:
    if isinstance(wanted, int | float) and isinstance(found, float):
        return math.isclose(wanted, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return wanted == found


def _remedy(name: str, features: Features) -> str:
    choices, limits = features.choices(name), features.limits(name)
    if choices:
        return f"give one of {', '.join(choices)}"
    if limits:
        least, greatest, step = limits
        return f"give {least:g} to {greatest:g}" + (f" in steps of {step:g}" if step else "")
    return "give what the camera's manual allows"


def _told(value: Value | None) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)
