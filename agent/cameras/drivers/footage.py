"""What the folder driver plays: images, a recording of `linegate record`, or a video. One pass at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from agent.cameras.recording import INDEX, is_recording, load_image, read_recording
from agent.errors import ConfigError
from agent.inspection import Image

log = logging.getLogger(__name__)

IMAGES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Shot:
    """One frame of a footage."""

    image: Image | None
    """None: there was no whole picture, or it cannot be read any more."""
    after_ns: int = 0
    """Since the shot before; 0 for the first, and where no times are known."""
    ids: int = 1
    """How far the camera's frame number went on."""
    complete: bool = True
    exposure_us: float = 0.0


class Footage(Protocol):
    """Checked when it was opened, read while it plays."""

    @property
    def timed(self) -> bool:
        """Does it say when each frame was taken?"""
        ...

    def play(self) -> Iterator[Shot]:
        """From the beginning to the end."""
        ...


def open_footage(path: Path) -> Footage:
    """What lies at `path`. ConfigError when it is missing, empty, or cannot be read."""
    if path.is_dir():
        return _Recording(path) if is_recording(path) else _Images(path)
    if not path.exists():
        raise ConfigError(f"camera.path: no such folder {path}: give a folder of images, a recording, or a video")
    return _Video(path)


class _Unshown:
    """Files that come without a picture: the log names each once."""

    def __init__(self) -> None:
        self._named: set[Path] = set()

    def name(self, path: Path, cause: str) -> None:
        if path not in self._named:
            self._named.add(path)
            log.warning("camera.path: %s cannot be shown: %s", path, cause)


class _Images:
    """All images of a folder and its sub-folders, in name order."""

    timed = False

    def __init__(self, folder: Path) -> None:
        self._paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES)
        if not self._paths:
            raise ConfigError(f"camera.path: no images ({', '.join(sorted(IMAGES))}) in {folder}")
        for path in self._paths:
            if not cv2.haveImageReader(str(path)):
                raise ConfigError(f"camera.path: {path} cannot be read as an image: remove or replace it")

        self._unshown = _Unshown()

    def play(self) -> Iterator[Shot]:
        """Grey as stored or colour; 16 bits are no picture here. What is none is named in the log, once."""
        for path in self._paths:
            image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if image is None:
                self._unshown.name(path, "it is damaged" if path.is_file() else "it is not there any more")
            elif image.dtype != np.uint8:
                self._unshown.name(path, f"its values are {image.dtype}: make them 8 bits each")
            readable = image is not None and image.dtype == np.uint8
            yield Shot(np.asarray(image, np.uint8) if readable else None)


class _Recording:
    """The very pixels, in the order and at the times of the recording."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames = read_recording(folder)
        self._unshown = _Unshown()
        self.timed = len(self._frames) > 1
        if not self._frames:
            raise ConfigError(f"camera.path: no frames in {folder / INDEX}: record some")
        for frame in self._frames:
            if frame.file and not (folder / frame.file).is_file():
                raise ConfigError(f"camera.path: {folder / frame.file} is missing: restore it, or record again")

    def play(self) -> Iterator[Shot]:
        """A frame that was lost to the recording comes as one without a picture, so that none takes its place."""
        before = self._frames[0]
        for frame in self._frames:
            after_ns = max(0, frame.since_start_ns - before.since_start_ns)
            ids = max(1, frame.frame_id - before.frame_id)
            image = load_image(self._folder, frame)
            if frame.file and image is None:
                self._unshown.name(self._folder / frame.file, "it is not what was recorded")
            yield Shot(image, after_ns, ids, frame.complete, frame.exposure_us)
            before = frame


class _Video:
    """A video file, at its presentation times; uint8 HxWx3 (BGR)."""

    timed = True

    def __init__(self, path: Path) -> None:
        self._path = path
        if next(self.play(), None) is None:
            raise ConfigError(f"camera.path: {path} cannot be read as a video: give a folder of images, a recording, "
                              "or a video")  # fmt: skip

    def play(self) -> Iterator[Shot]:
        """Nothing at all when the file has become unreadable meanwhile."""
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        before_ms: float | None = None
        try:
            while capture.grab():
                now_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                decoded, image = capture.retrieve()
                step_ns = 0 if before_ms is None else int((now_ms - before_ms) * 1e6)
                yield Shot(np.asarray(image, np.uint8) if decoded else None, step_ns)
                before_ms = now_ms
        finally:
            capture.release()
