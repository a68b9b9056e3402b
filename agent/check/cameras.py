"""The camera, as far as that goes without one: its driver's libraries, its files, whether its pictures fit."""

from __future__ import annotations

import re
from collections.abc import Set
from importlib import import_module
from pathlib import Path

from agent.camera_config import AravisCamera, FolderCamera, GenicamCamera, GenicamSettings, OpencvCamera
from agent.cameras.drivers.pixel_format import require_supported
from agent.cameras.open_camera import open_driver
from agent.check.problems import Problems
from agent.complaint import near_path
from agent.config import Config
from agent.video_source import is_device, is_file

FOR_OTHERS = 0o004
WITH_PASSWORD = re.compile(r"://[^/@]*:[^/@]+@")


def check_camera(config: Config, sound: Set[str], problems: Problems) -> None:
    """Needs the table [camera]; with [trigger] a folder's pictures are counted."""
    camera = config.camera
    match camera:
        case FolderCamera() if "trigger" in sound:
            with problems.at("camera.path"):
                open_driver(camera, config.trigger.mode).close()
        case AravisCamera():
            with problems.at("camera.driver"):
                import_module("agent.cameras.drivers.aravis_library").require_aravis()
        case GenicamCamera() if camera.cti.exists():
            with problems.at("camera.cti"):
                import_module("agent.cameras.drivers.gentl_producer").require_loadable(camera.cti)
        case OpencvCamera():
            _check_source(camera.source, problems)
    if isinstance(camera, GenicamSettings):
        with problems.at("camera.pixel_format"):
            require_supported(camera.pixel_format)
        if "trigger" in sound and camera.exposure_us and camera.exposure_us > config.trigger.frame_timeout_ms * 1000:
            problems.warn(
                "trigger.frame_timeout_ms",
                f"{config.trigger.frame_timeout_ms:g} ms is less than camera.exposure_us = {camera.exposure_us:g}: no "
                "photo can be there in time; wait longer, or expose shorter",
            )


def _check_source(source: str, problems: Problems) -> None:
    path = Path(source)
    if is_file(source) and not path.is_file():
        problems.error("camera.source", f"{path}: no such file{near_path(path)}: name a video, /dev/videoN or a URL")
    if is_device(source) and not path.exists():
        problems.warn("camera.source", f"no {source} here{near_path(path)}: plug it in, or see `linegate camera list`")
    if WITH_PASSWORD.search(source) and problems.file.path.stat().st_mode & FOR_OTHERS:
        problems.warn(
            "camera.source", f"it holds a password that everybody may read: chmod 640 {problems.file.path}"
        )  # fmt: skip


def check_serial_device(config: Config, problems: Problems) -> None:
    """Of the table [plc]."""
    serial = config.plc.serial
    if serial and not Path(serial.device).exists():
        near = near_path(Path(serial.device))
        problems.warn("plc.serial.device", f"no {serial.device} here{near}: plug it in, or see `ls /dev/serial/by-id`")
