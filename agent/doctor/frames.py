"""A station's camera for some seconds: frames as it asks for them, fires them or lets them come; and what they show."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from agent.camera_config import ASKED, Camera, Mode
from agent.cameras import Driver
from agent.cameras.commissioning.frame_statistics import Statistics
from agent.cameras.commissioning.showing import Frames
from agent.cameras.drivers.genicam_settings import Features, kept
from agent.cameras.drivers.gentl_producer import VENDOR_ERRORS, own_words
from agent.cameras.open_camera import open_driver
from agent.config import Config
from agent.errors import ConfigError, Fault, NoDecision
from agent.frame_check import check_frame
from agent.inspection import Frame
from agent.recipe import FrameLimits, load_recipe
from agent.view import View, open_view

LOOK_S = 0.1
"""From one look at a photo to the next: to look at every one would make this slower than the station."""
STREAM_FACTS = (
    "DeviceVendorName", "DeviceModelName", "DeviceFirmwareVersion", "DeviceTemperature", "PayloadSize",
    "GevSCPSPacketSize", "GevCurrentIPAddress",
)  # fmt: skip
UNREADABLE: tuple[type[Exception], ...] = (ConfigError, Fault, *VENDOR_ERRORS)


@dataclass
class Seen:
    """What came of one look."""

    opened_ms: float = 0.0
    asked: bool = False
    took_s: float = 0.0
    statistics: Statistics = field(default_factory=Statistics)
    waits_ms: list[float] = field(default_factory=list)
    """From asking for a photo, else from its exposure, to the frame in hand."""
    missed: int = 0
    """Photos that were asked for and had not come after trigger.frame_timeout_ms."""
    looked_at: int = 0
    grey: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why the station would not decide on it."""
    settings: tuple[int, list[str]] | None = None
    """As `genicam_settings.kept`, once the frames had come; None: not a GenICam camera, or not to be read."""
    unread: str = ""
    """Why the settings could not be read back then."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What a GenICam camera says of itself."""
    lost: str = ""
    """Why the camera was gone before the time was over."""


def see_frames(config: Config, mode: Mode, seconds: float) -> Seen:
    """Open as the station does, look for `seconds`, close. Raises CameraMissing or ConfigError."""
    view, limits, begun_s = open_view(config), load_recipe(config.recipe).frame, time.monotonic()
    with closing(open_driver(config.camera, mode)) as driver:
        seen = Seen(opened_ms=(time.monotonic() - begun_s) * 1000, asked=mode in ASKED)
        begun_s = time.monotonic()
        try:
            _watch(driver, config, seen, view, limits, begun_s + seconds)
        except Fault as lost:
            seen.lost = str(lost)
        seen.took_s = time.monotonic() - begun_s
        features: Features | None = getattr(driver, "features", None)
        if features is not None and not seen.lost:
            read_back(config.camera, mode, features, seen)
            seen.facts = _facts(features)
    return seen


def _watch(driver: Driver, config: Config, seen: Seen, view: View, limits: FrameLimits, end_s: float) -> None:
    frames = Frames(driver, seen.asked)
    pitch_s, patience_s = config.trigger.min_pitch_ms / 1000, config.trigger.frame_timeout_ms / 1000
    looked_s = 0.0
    while (now_s := time.monotonic()) < end_s:
        frame = frames.next(int((now_s + patience_s if seen.asked else min(end_s, now_s + 0.5)) * 1e9))
        in_hand_s = time.monotonic()
        if frame is None:
            seen.missed += seen.asked
            continue
        seen.statistics.add(frame, int(in_hand_s * 1e9))
        if in_hand_s - looked_s >= LOOK_S:
            looked_s = in_hand_s
            _look(frame, seen, view, limits)
        seen.waits_ms.append((in_hand_s - (now_s if seen.asked else frame.captured_ns / 1e9)) * 1000)
        if seen.asked:
            time.sleep(max(0.0, now_s + pitch_s - time.monotonic()))


def _look(frame: Frame, seen: Seen, view: View, limits: FrameLimits) -> None:
    if not frame.whole:
        return
    seen.looked_at += 1
    try:
        stats = check_frame(view.of(frame), limits)
    except NoDecision as refusal:
        seen.refused.append(str(refusal))
        return
    seen.grey.append(stats.mean_grey)
    seen.sharpness.append(stats.sharpness)


def read_back(camera: Camera, mode: Mode, features: Features, seen: Seen) -> None:
    """What the camera says of its settings by now, or why it says nothing."""
    try:
        seen.settings = kept(camera, mode, features)  # type: ignore[arg-type]  # drivers with features have such a table
    except UNREADABLE as error:
        seen.unread = own_words(error)


def _facts(features: Features) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in STREAM_FACTS:
        with suppress(*UNREADABLE):
            if features.has(name):
                found[name] = features.get(name)
    return found
