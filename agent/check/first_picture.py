"""The first picture of a camera that is but files: whether it fits can be known before the station runs."""

from __future__ import annotations

import cv2
import numpy as np

from agent.camera_config import Camera, FolderCamera, OpencvCamera
from agent.cameras.drivers.footage import open_footage
from agent.cameras.drivers.opencv_capture import open_capture
from agent.errors import ConfigError, NoDecision
from agent.inspection import Frame, Image
from agent.video_source import is_file
from agent.view import View


def check_first_picture(camera: Camera, view: View) -> None:
    """Send it through the view; nothing to do for a live camera. ConfigError: none can be read, or it does not fit."""
    match camera:
        case FolderCamera():
            image = next((shot.image for shot in open_footage(camera.path).play() if shot.image is not None), None)
            where = f"camera.path = {camera.path}"
        case OpencvCamera() if is_file(camera.source):
            image, where = _first_of_video(camera), f"camera.source = {camera.source}"
        case _:
            return
    if image is None:
        raise ConfigError(f"{where}: no picture in it can be read: replace it")
    try:
        view.of(Frame(image, frame_id=1, captured_ns=0))
    except NoDecision as refusal:
        raise ConfigError(f"{where}: {refusal}: make [view] and [calibration] fit its pictures") from refusal


def _first_of_video(camera: OpencvCamera) -> Image | None:
    capture: cv2.VideoCapture = open_capture(camera)
    try:
        decoded, image = capture.read()
        return np.asarray(image, np.uint8) if decoded else None
    finally:
        capture.release()
