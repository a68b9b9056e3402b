"""The camera that a station's file asks for: its driver, opened, behind the way its frames are bound to parts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from agent.camera_config import GenicamSettings, OpencvCamera
from agent.cameras import Camera, Driver
from agent.cameras.asked import AskedCamera
from agent.cameras.entering import Entering
from agent.cameras.every_frame import EveryFrame
from agent.cameras.line_fired import LineFiredCamera
from agent.cameras.recorder import RecordedDriver, Recorder
from agent.cameras.stream import StreamCamera
from agent.errors import Fault
from agent.service import ends_at_once

if TYPE_CHECKING:
    from agent.camera_config import Camera as CameraConfig
    from agent.camera_config import Mode, TriggerConfig
    from agent.view import View

RETRY_S = 1.0
DRIVERS = {
    "folder": "folder.FolderDriver",
    "simulated": "simulated.SimulatedDriver",
    "opencv": "opencv.OpencvDriver",
    "aravis": "aravis.AravisDriver",
    "genicam": "genicam.GenicamDriver",
}
"""Imported when asked for: Aravis and Harvesters are extras that most stations do not install."""


def open_driver(config: CameraConfig, mode: Mode) -> Driver:
    """The device, set up for `mode`. Raises CameraMissing or ConfigError."""
    module, name = DRIVERS[config.driver].split(".")
    driver: Driver = getattr(import_module(f"agent.cameras.drivers.{module}"), name)(config, mode)
    return driver


def open_camera(
    config: CameraConfig, trigger: TriggerConfig, view: View, waiting: Callable[[str], None], stop: threading.Event,
    recorder: Recorder | None = None,
) -> Camera | None:  # fmt: skip
    """Wait, visibly, for a camera that is not there yet, or does not start; None when `stop` came first.

    Parts enter the `view`.
    """
    while not stop.is_set():
        try:
            with ends_at_once():
                driver = open_driver(config, trigger.mode)
            try:
                numbered = isinstance(config, GenicamSettings)
                return bound_camera(RecordedDriver(driver, recorder) if recorder else driver, trigger, view, numbered)
            except BaseException:
                driver.close()
                raise
        except Fault as missing:
            waiting(str(missing))
            stop.wait(RETRY_S)
    return None


def bound_camera(driver: Driver, trigger: TriggerConfig, view: View, numbered: bool) -> Camera:
    """`driver`, from now on running, behind the way in which this mode binds its frames to parts.

    `numbered`: each asking makes it number one frame on.
    """
    match trigger.mode:
        case "hardware":
            return LineFiredCamera(driver, trigger)
        case "announced" | "timer" | "software":
            return AskedCamera(driver, trigger, numbered)
        case "every_frame":
            return StreamCamera(driver, EveryFrame())
        case "presence":
            return StreamCamera(driver, Entering(trigger.presence, view))


def ordered_size(config: CameraConfig) -> tuple[int, int] | None:
    """(height_px, width_px) that the camera was told; None where it was not."""
    if not isinstance(config, GenicamSettings | OpencvCamera) or config.height_px is None or config.width_px is None:
        return None
    return config.height_px, config.width_px
