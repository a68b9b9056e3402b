"""Replays the images of a folder, one a trigger, in name order, over and over."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from agent.config import FolderCamera
from agent.errors import ConfigError, NoDecision
from agent.inspection import Frame, Reason, Trigger

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


class FolderDriver:
    """Raises ConfigError when the folder is missing, empty, or holds a file that is no readable image."""

    def __init__(self, config: FolderCamera, capture_window_ms: float) -> None:
        self._paths = _images(config.path)
        self._window_ms = capture_window_ms
        self._next = 0

    def grab(self, trigger: Trigger) -> Frame:
        """The next image of the folder, grey as stored or colour.

        A trigger that has waited behind a slow part beyond the capture window gets none: by now another part
        lies under the lens.
        """
        waited_ms = (time.monotonic_ns() - trigger.latest_ns) / 1e6
        if waited_ms > self._window_ms:
            raise NoDecision(Reason.CAPTURE_WINDOW, f"announced {waited_ms:.0f} ms ago: too late for a photo")
        path = self._paths[self._next % len(self._paths)]
        self._next += 1
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if image is None or image.dtype != np.uint8:
            raise NoDecision(Reason.FRAME_INCOMPLETE, f"{path} cannot be read as an 8-bit image")
        return Frame(np.asarray(image, np.uint8), self._next, time.monotonic_ns(), simulated=True)

    def check(self) -> None:
        """Files do not get lost while nobody asks for them."""

    def close(self) -> None:
        """Nothing is held open."""


def _images(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"camera.path: no such folder {folder}: give a folder of images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise ConfigError(f"camera.path: no images ({', '.join(sorted(SUFFIXES))}) in {folder}")
    for path in paths:
        if not cv2.haveImageReader(str(path)):
            raise ConfigError(f"camera.path: {path} cannot be read as an image: remove or replace it")
    return paths
