"""Replays the images of a folder in name order, over and over: one whenever it is asked."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from agent.camera_config import FolderCamera, Mode
from agent.cameras.inbox import Inbox
from agent.errors import ConfigError
from agent.inspection import Frame

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


class FolderDriver:
    """Raises ConfigError when the folder is missing, empty, or holds a file that is no readable image."""

    simulated = True

    def __init__(self, config: FolderCamera, mode: Mode) -> None:
        self._paths = _images(config.path)
        self._next = 0

    def start(self, inbox: Inbox) -> None:
        """Nothing comes before it is asked for."""
        self._inbox = inbox

    def fire(self) -> None:
        """The next image of the folder, grey as stored or colour; one that cannot be read is an incomplete frame."""
        captured_ns = time.monotonic_ns()
        image = cv2.imread(str(self._paths[self._next % len(self._paths)]), cv2.IMREAD_UNCHANGED)
        self._next += 1
        complete = image is not None and image.dtype == np.uint8
        pixels = np.asarray(image, np.uint8) if complete else np.zeros((0, 0), np.uint8)
        self._inbox.put(Frame(pixels, self._next, captured_ns, complete=complete, simulated=True))

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
