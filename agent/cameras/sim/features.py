"""What the camera can be told, by the names of GenICam's SFNC. Its registers and its XML both come from this table."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Number = int | float
FIRST_ADDRESS = 0x1_0000
"""The bootstrap registers, which the standard has laid out, lie below."""
PIXEL_FORMATS = {"Mono8": 0x0108_0001, "BayerRG8": 0x0108_0009, "RGB8": 0x0218_0014}
CONTINUOUS, SINGLE_FRAME = 1, 2
LINE_1, LINE_2, SOFTWARE = 1, 2, 3
ON_OFF = {"Off": 0, "On": 1}
AUTO = {"Off": 0, "Once": 1, "Continuous": 2}
STOPPED_ONLY = True


@dataclass(frozen=True)
class Feature:
    """One feature and its register; a float is 8 bytes, whatever else 4."""

    name: str
    category: str
    kind: Literal["integer", "float", "enumeration", "command"]
    value: Number = 0
    """After power-up."""
    least: Number = 0
    most: Number | str = 0
    """A name: that feature's value."""
    step: int = 1
    entries: Mapping[str, int] = field(default_factory=dict)
    stopped_only: bool = False
    """Not to be written while images are acquired."""
    read_only: bool = False

    @property
    def format(self) -> str:
        """As struct knows it."""
        return ">d" if self.kind == "float" else ">I"

    @property
    def length(self) -> int:
        """Bytes of its register."""
        return struct.calcsize(self.format)

    def fits(self, value: Number, most: Number) -> bool:
        """Would the camera take this value?"""
        if self.kind == "enumeration":
            return value in self.entries.values()
        if self.kind == "command":
            return value in (0, 1)
        return self.least <= value <= most and (self.kind == "float" or (value - self.least) % self.step == 0)


def features(sensor_width_px: int, sensor_height_px: int) -> tuple[Feature, ...]:
    """Of a camera with this sensor, as they are after power-up."""
    image, acquisition, analog, transport = (
        "ImageFormatControl", "AcquisitionControl", "AnalogControl", "TransportLayerControl",
    )  # fmt: skip

    def size(name: str, value: int, least: int, most: str, step: int = 4) -> Feature:
        return Feature(name, image, "integer", value, least, most, step, stopped_only=True)

    def choice(name: str, category: str, value: int, entries: Mapping[str, int], stopped_only: bool = False) -> Feature:
        return Feature(name, category, "enumeration", value, entries=entries, stopped_only=stopped_only)

    return (
        Feature("SensorWidth", image, "integer", sensor_width_px, read_only=True),
        Feature("SensorHeight", image, "integer", sensor_height_px, read_only=True),
        size("Width", sensor_width_px, 16, "SensorWidth"),
        size("Height", sensor_height_px, 4, "SensorHeight"),
        size("OffsetX", 0, 0, "SensorWidth"),
        size("OffsetY", 0, 0, "SensorHeight"),
        choice("PixelFormat", image, PIXEL_FORMATS["Mono8"], PIXEL_FORMATS, STOPPED_ONLY),
        choice("AcquisitionMode", acquisition, CONTINUOUS, {"Continuous": CONTINUOUS, "SingleFrame": SINGLE_FRAME},
               STOPPED_ONLY),
        Feature("AcquisitionStart", acquisition, "command"),
        Feature("AcquisitionStop", acquisition, "command"),
        Feature("AcquisitionFrameRate", acquisition, "float", 10.0, 0.1, 500.0),
        choice("TriggerSelector", acquisition, 0, {"FrameStart": 0}),
        choice("TriggerMode", acquisition, 0, ON_OFF),
        choice("TriggerSource", acquisition, LINE_1, {"Line1": LINE_1, "Line2": LINE_2, "Software": SOFTWARE}),
        choice("TriggerActivation", acquisition, 0, {"RisingEdge": 0}),
        Feature("TriggerDelay", acquisition, "float", 0.0, 0.0, 1_000_000.0),
        Feature("TriggerSoftware", acquisition, "command"),
        choice("ExposureMode", acquisition, 0, {"Timed": 0}),
        Feature("ExposureTime", acquisition, "float", 2000.0, 10.0, 1_000_000.0),
        choice("ExposureAuto", acquisition, 0, AUTO),
        Feature("Gain", analog, "float", 0.0, 0.0, 24.0),
        choice("GainAuto", analog, 0, AUTO),
        Feature("PayloadSize", transport, "integer", sensor_width_px * sensor_height_px, read_only=True),
    )  # fmt: skip


def addresses(table: tuple[Feature, ...]) -> dict[str, int]:
    """Where each feature's register lies."""
    return {feature.name: FIRST_ADDRESS + 8 * place for place, feature in enumerate(table)}
