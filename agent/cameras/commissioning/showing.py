"""A camera that shows what it sees, a station's or one without a station yet: frames as they come or are asked for."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.camera_config import ASKED, FIRED, AravisCamera, Camera, GenicamCamera, Mode
from agent.cameras import Driver
from agent.cameras.inbox import Inbox
from agent.config import Config, load_config
from agent.errors import UsageError
from agent.frame_check import sharpness
from agent.inspection import Frame, Image


@dataclass(frozen=True)
class Shown:
    """Which camera, and how its frames come about; `config` None: it has no station yet, and runs free."""

    camera: Camera
    mode: Mode
    config: Config | None = None

    @property
    def asked(self) -> bool:
        """Does the station ask for each photo?"""
        return self.mode in ASKED

    @property
    def fired(self) -> bool:
        """Does somebody else fire the camera?"""
        return self.mode in FIRED

    def require_asked(self, option: str) -> None:
        """UsageError: `option` says how often to ask, and this camera is not asked."""
        if not self.asked:
            here = f"with trigger.mode = '{self.mode}'" if self.config else "with --device"
            raise UsageError(f"{option}: only where the station asks for each photo; {here} frames come by themselves")

    @property
    def no_frame(self) -> str:
        """Where to look when no frame came."""
        if self.fired:
            return f"trigger.mode = '{self.mode}' waits for whoever fires the camera: see the photo-eye and its wire"
        return "see cable, packet size and trigger settings"


def shown(config: Path | None, device: str | None, cti: Path | None, exposure_us: float | None,
          pixel_format: str | None) -> Shown:  # fmt: skip
    """By a station's file, or by a device and the little that it needs. Raises UsageError when it is neither."""
    if (config is None) == (device is None):
        raise UsageError("give either a station's file or --device ID (linegate camera list shows them)")
    if config is not None:
        given = {"--cti": cti, "--exposure-us": exposure_us, "--pixel-format": pixel_format}
        if unheard := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"{', '.join(unheard)}: only with --device; {config} says itself how its camera is set up")
        station = load_config(config)
        return Shown(station.camera, station.trigger.mode, station)
    settings = {"device": device, "exposure_us": exposure_us, "pixel_format": pixel_format or "Mono8"}
    if cti is None:
        return Shown(AravisCamera.model_validate({"driver": "aravis"} | settings), "presence")
    return Shown(GenicamCamera.model_validate({"driver": "genicam", "cti": cti} | settings), "presence")


class Frames:
    """Frames one by one, from a driver that runs from now on."""

    def __init__(self, driver: Driver, asked: bool) -> None:
        self._driver, self._asked = driver, asked
        self._inbox = Inbox()
        driver.start(self._inbox)

    def next(self, until_ns: int) -> Frame | None:
        """The next frame (of a camera that is asked: exposed after the asking); None when there is none in time.

        Raises the driver's Fault.
        """
        asked_ns = time.monotonic_ns() if self._asked else 0
        if self._asked:
            self._driver.fire()

        def choose(frames: deque[Frame]) -> Frame | None:
            while frames and frames[0].captured_ns < asked_ns:
                frames.popleft()
            return frames.popleft() if frames else None

        frame = self._inbox.wait(choose, until_ns)
        if frame is None:
            self._driver.check()
        return frame


@dataclass(frozen=True)
class Look:
    """How a photo looks."""

    mean_grey: float
    saturated: float
    """Share of the values at 255."""
    sharpness: float
    """As the recipe's frame.min_sharpness has it."""


def look_at(image: Image) -> Look:
    """uint8 HxW or HxWx3, not empty."""
    return Look(
        mean_grey=float(cv2.meanStdDev(image)[0].mean()),
        saturated=float(np.count_nonzero(image == 255)) / image.size,
        sharpness=sharpness(image),
    )
