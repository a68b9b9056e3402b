"""Opening what OpenCV can capture from, with its settings read back, and one clear line for what cannot be."""

from __future__ import annotations

import fcntl
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2

from agent.camera_config import OpencvCamera
from agent.errors import CameraMissing, ConfigError
from agent.video_source import is_device, is_file, shown

VIDIOC_QUERYCAP = 0x80685600
CAPABILITY = struct.Struct("<16s32s32sIII12x")
"""v4l2_capability: driver, card, bus, version, capabilities, device_caps."""
HAS_DEVICE_CAPS = 0x8000_0000
VIDEO_CAPTURE = 0x1 | 0x1000
"""Single- or multi-planar."""
CLOSE_ENOUGH = 0.01
"""30 frames a second may be 29.97."""


def open_capture(config: OpencvCamera) -> cv2.VideoCapture:
    """Open and set up. CameraMissing: not there yet, or busy. ConfigError: it can never be what is asked for."""
    _prepare_opencv(config)
    if is_device(config.source):
        require_capture_device(config.source)
        capture = cv2.VideoCapture(config.source, cv2.CAP_V4L2)
        if not capture.isOpened():
            raise CameraMissing(f"camera {config.source}: cannot be opened: another program may hold it")
    elif is_file(config.source):
        capture = _open_file(config.source)
    else:
        capture = _open_stream(config)
    try:
        _set_and_read_back(capture, config)
    except ConfigError:
        capture.release()
        raise
    return capture


def require_capture_device(path: str) -> None:
    """ConfigError: no permission, or no camera. CameraMissing: not connected, or busy."""
    try:
        device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except FileNotFoundError as error:
        seen = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        raise CameraMissing(f"camera {path}: no such device: connect it (seen: {seen})") from error
    except PermissionError as error:
        raise ConfigError(
            f"camera.source: no permission on {path}: add the station's user to the group video "
            "(usermod -aG video USER) and start again"
        ) from error
    except OSError as error:
        raise CameraMissing(f"camera {path}: {(error.strerror or '').lower()}") from error
    try:
        *_, capabilities, device_caps = CAPABILITY.unpack(fcntl.ioctl(device, VIDIOC_QUERYCAP, bytes(CAPABILITY.size)))
    except OSError as error:
        raise ConfigError(
            f"camera.source: {path} is no V4L2 device: give /dev/videoN, a URL or a video file"
        ) from error
    finally:
        os.close(device)
    if not (device_caps if capabilities & HAS_DEVICE_CAPS else capabilities) & VIDEO_CAPTURE:
        raise ConfigError(
            f"camera.source: {path} captures no video (metadata or output): the camera is another /dev/videoN"
        )


def _prepare_opencv(config: OpencvCamera) -> None:
    """What OpenCV takes from the environment, once, before its first capture."""
    select_s = str(math.ceil(config.read_timeout_ms / 1000))
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", select_s)
    os.environ.setdefault(
        "OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_flags;prefer_tcp|fflags;+discardcorrupt"
    )  # whole or gone
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # silent: our own line says what is wrong
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)


def _open_file(source: str) -> cv2.VideoCapture:
    if not Path(source).is_file():
        raise ConfigError(f"camera.source: no such file {source}: give /dev/videoN, a URL or a video file")
    capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise ConfigError(f"camera.source: {source} cannot be read as a video: convert or replace it")
    return capture


def _open_stream(config: OpencvCamera) -> cv2.VideoCapture:
    limits = {
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC: int(config.open_timeout_ms),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC: int(0.8 * config.read_timeout_ms),  # before our own clock: no read hangs
        cv2.CAP_PROP_N_THREADS: 1,  # each further thread of a decoder holds back one more frame
    }
    capture = cv2.VideoCapture(config.source, cv2.CAP_FFMPEG, [number for pair in limits.items() for number in pair])
    if not capture.isOpened():
        raise CameraMissing(f"camera {shown(config.source)}: no video comes: is it on, and the URL right?")
    return capture


def _set_and_read_back(capture: cv2.VideoCapture, config: OpencvCamera) -> None:
    settings = list(_settings(config))
    for _, code, wanted in settings:
        capture.set(code, wanted)
    for key, code, wanted in settings:
        found = capture.get(code)
        if math.isclose(found, wanted, rel_tol=CLOSE_ENOUGH):
            continue
        words = (_fourcc(wanted), _fourcc(found)) if code == cv2.CAP_PROP_FOURCC else (f"{wanted:g}", f"{found:g}")
        raise ConfigError(
            f"camera.{key} = {words[0]}: {shown(config.source)} says {words[1]} after it was set: "
            "choose what it can do, or leave the key out"
        )


def _settings(config: OpencvCamera) -> Iterator[tuple[str, int, float]]:
    """(key, property, value) in the order a camera needs: sizes and rates depend on the format."""
    if config.fourcc is not None:
        yield "fourcc", cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*config.fourcc)
    named = (
        ("width_px", cv2.CAP_PROP_FRAME_WIDTH, config.width_px),
        ("height_px", cv2.CAP_PROP_FRAME_HEIGHT, config.height_px),
        ("rate_per_s", cv2.CAP_PROP_FPS, config.rate_per_s),
    )
    yield from ((key, code, value) for key, code, value in named if value is not None)
    for name, value in config.controls.items():
        yield f"controls.{name}", getattr(cv2, f"CAP_PROP_{name.upper()}"), value


def _fourcc(code: float) -> str:
    return "".join(chr(int(code) >> shift & 0x7F) for shift in (0, 8, 16, 24)).strip("\0") or "nothing"
