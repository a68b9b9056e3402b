"""What a camera is told, in which order, and what it must say of itself; the camera is a dictionary with a mind."""

from __future__ import annotations

from typing import Any

import pytest

from agent.camera_config import AravisCamera, Mode
from agent.cameras.drivers.genicam_settings import Value, apply
from agent.errors import ConfigError

MODERN: dict[str, Value] = {
    "AcquisitionMode": "SingleFrame", "TriggerSelector": "FrameStart", "TriggerSource": "Line3",
    "TriggerActivation": "FallingEdge", "TriggerDelay": 7.0, "Width": 600, "Height": 400, "OffsetX": 40, "OffsetY": 24,
    "PixelFormat": "Mono12", "ExposureAuto": "Continuous", "GainAuto": "Once", "ExposureMode": "TriggerWidth",
    "ExposureTime": 9000.0, "Gain": 6.0, "AcquisitionFrameRate": 30.0, "AcquisitionFrameRateEnable": False,
}  # fmt: skip
SENSOR = {"Width": ("OffsetX", 640), "Height": ("OffsetY", 480)}


class Camera:
    """Like a real one it keeps a TriggerMode for each selector, has room for its sensor only, and rounds exposures."""

    def __init__(self, **features: Value) -> None:
        self.features = {**MODERN, **features}
        self.modes = dict.fromkeys(("FrameStart", "FrameBurstStart"), "On")
        self.told: list[tuple[str, Value]] = []

    def has(self, name: str) -> bool:
        locked = name == "ExposureTime" and self.features.get("ExposureAuto", "Off") != "Off"
        return (name == "TriggerMode" or name in self.features) and not locked

    def get(self, name: str) -> Value:
        return self.modes[str(self.features["TriggerSelector"])] if name == "TriggerMode" else self.features[name]

    def set(self, name: str, value: Value) -> None:
        self.told.append((name, value))
        if name == "TriggerMode":
            self.modes[str(self.features["TriggerSelector"])] = str(value)
            return
        for size, (offset, room) in SENSOR.items():
            if name in (size, offset) and int(value) + int(self.features[offset if name == size else size]) > room:
                raise ConfigError("out of range")
        self.features[name] = value - value % 5 if name == "ExposureTime" and isinstance(value, float) else value

    def choices(self, name: str) -> list[str]:
        return list(self.modes) if name == "TriggerSelector" else []

    def limits(self, name: str) -> tuple[float, float, float] | None:
        return {"ExposureTime": (10.0, 1e6, 5.0), "Width": (16.0, 640.0, 1.0)}.get(name)


def told(camera: Camera, mode: Mode = "hardware", **settings: Any) -> dict[str, Value]:
    """The last value of each feature that was written."""
    apply(AravisCamera(**{"driver": "aravis", "device": "x", "exposure_us": 300, **settings}), mode, camera)
    return dict(camera.told)


def test_by_default_the_photo_eye_on_line_1_takes_single_frames_and_nothing_is_automatic() -> None:
    camera = Camera()
    assert told(camera) == {
        "TriggerSelector": "FrameStart", "TriggerMode": "On", "AcquisitionMode": "Continuous", "TriggerSource": "Line1",
        "TriggerActivation": "RisingEdge", "PixelFormat": "Mono8", "ExposureAuto": "Off", "GainAuto": "Off",
        "ExposureMode": "Timed", "ExposureTime": 300.0,
    }  # fmt: skip
    assert camera.modes == {"FrameStart": "On", "FrameBurstStart": "Off"}


@pytest.mark.parametrize("mode", ["announced", "timer", "software"])
def test_where_the_station_asks_the_trigger_is_its_software(mode: Mode) -> None:
    written = told(Camera(), mode)
    assert (written["TriggerMode"], written["TriggerSource"], "TriggerActivation" in written) == (
        "On",
        "Software",
        False,
    )


def test_where_parts_are_found_in_the_stream_the_camera_runs_free_at_its_rate() -> None:
    camera = Camera()
    written = told(camera, "presence", rate_per_s=25)
    assert (written["AcquisitionFrameRateEnable"], written["AcquisitionFrameRate"]) == (True, 25.0)
    assert set(camera.modes.values()) == {"Off"}


def test_an_old_offset_makes_room_for_the_new_size() -> None:
    camera = Camera()
    told(camera, width_px=640, height_px=300, offset_y_px=100)
    assert [camera.features[name] for name in ("Width", "OffsetX", "Height", "OffsetY")] == [640, 0, 300, 100]


def test_other_features_come_last_and_are_read_where_they_were_written() -> None:
    camera = Camera(LineSelector="Line1", LineDebouncerTime=0.0)
    told(camera, features={"LineSelector": "Line2", "LineDebouncerTime": 50})
    written, read = camera.told[:-2], camera.told[-2:]
    assert written[-2:] == [("LineSelector", "Line2"), ("LineDebouncerTime", 50)]
    assert read == [("TriggerSelector", "FrameStart"), ("LineSelector", "Line2")]


def test_an_older_camera_is_told_by_its_own_names_and_does_without_what_it_lacks() -> None:
    camera = Camera(ExposureTimeAbs=5.0)
    for name in ("ExposureTime", "ExposureMode", "ExposureAuto", "GainAuto", "AcquisitionMode", "TriggerActivation"):
        del camera.features[name]
    assert told(camera)["ExposureTimeAbs"] == 300.0


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"exposure_us": 14},
            r"exposure_us = 14: the camera has ExposureTime = 10 instead: give 10 to 1e\+06 in steps of 5",
        ),
        ({"exposure_us": None}, r"exposure_us is missing: the camera has ExposureTime = 9000: say what it is to be"),
        ({"width_px": 700}, "width_px = 700: the camera refuses Width: out of range: give 16 to 640 in steps of 1"),
        (
            {"trigger_delay_us": 9, "features": {"TriggerDelay": 3}},
            "trigger_delay_us = 9: the camera has TriggerDelay = 3 instead: take TriggerDelay out of camera.features",
        ),
        (
            {"features": {"TriggerMode": "Off"}},
            "the camera has TriggerMode = 'Off' instead: take TriggerMode out of camera.features",
        ),
        ({"features": {"LightSource": "Day"}}, r"features\.LightSource = 'Day': this camera has no LightSource"),
        ({"features": {"GainAuto": "Once"}}, r"features\.GainAuto = 'Once': a camera that adjusts itself"),
        ({"pixel_format": "Jpeg"}, r"pixel_format = 'Jpeg' is not supported"),
    ],
)
def test_what_the_camera_does_not_do_is_one_line(settings: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        told(Camera(), **settings)


def test_what_is_asked_for_must_exist_and_what_is_assumed_need_not() -> None:
    camera = Camera()
    del camera.features["TriggerActivation"], camera.features["Gain"]
    told(camera)
    with pytest.raises(ConfigError, match="trigger_activation = 'RisingEdge': this camera has no TriggerActivation"):
        told(camera, trigger_activation="RisingEdge")
    with pytest.raises(ConfigError, match="gain_db = 3: this camera has no Gain or GainAbs in dB: leave gain_db out"):
        told(camera, gain_db=3)


def test_a_cameras_rounding_is_no_difference() -> None:
    camera = Camera()
    assert apply(AravisCamera(driver="aravis", device="x", exposure_us=1003), "hardware", camera) == 1000.0
