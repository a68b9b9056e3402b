"""A recording: every frame a camera delivered, lossless and with its timing, in a folder of its own.

`frames.jsonl` has one line a frame, in the order in which they came; a line is written after its image, so that an
end at any moment costs no more than the last frame. Whoever records to the folder again goes on where it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import ConfigError, UsageError
from agent.inspection import Frame, Image
from agent.pictures import png

INDEX = "frames.jsonl"
FILES_PER_FOLDER = 1000
TAIL_BYTES = 65_536
"""More than the last two lines of an index."""


class RecordedFrame(BaseModel):
    """One line of the index."""

    model_config = ConfigDict(frozen=True)

    number: int
    """Counts the frames of this recording, from 1."""
    frame_id: int
    captured_ns: int
    """CLOCK_MONOTONIC of the computer that recorded it, since its last boot."""
    utc: datetime
    """When it was captured, for people."""
    since_start_ns: int
    """Since the first frame of the recording."""
    exposure_us: float
    complete: bool
    simulated: bool
    shape: tuple[int, ...]
    sha256: str
    """Of the pixels; '' = there are none."""
    file: str = ""
    """Relative to the folder; '' = the frame had no whole picture, or was lost."""
    lost: str = ""
    """Why the frame could not be stored."""


def is_recording(folder: Path) -> bool:
    """Does the folder hold a recording?"""
    return (folder / INDEX).is_file()


def read_recording(folder: Path) -> list[RecordedFrame]:
    """All its frames. A last line that was not written to its end is left out; ConfigError for any other damage."""
    lines = (folder / INDEX).read_bytes().splitlines(keepends=True)
    frames = []
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            break
        try:
            frames.append(RecordedFrame.model_validate_json(line))
        except ValidationError as error:
            found = error.errors()[0]
            raise ConfigError(
                f"{folder / INDEX}, line {number}: {found['msg']}: restore it or delete the line"
            ) from error
    return frames


def load_image(folder: Path, recorded: RecordedFrame) -> Image | None:
    """The pixels that were recorded, uint8 of the recorded shape; None when there are none or they have changed."""
    if not recorded.file:
        return None
    image = cv2.imread(str(folder / recorded.file), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint8 or image.size != np.prod(recorded.shape):
        return None
    pixels = np.asarray(image, np.uint8).reshape(recorded.shape)
    return pixels if _sha256(pixels) == recorded.sha256 else None


class RecordingWriter:
    """Adds frames to a recording, new or begun before. Not for several threads at once.

    Raises UsageError when the folder cannot be written, holds something else, or somebody records to it now.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = _open_index(folder)
        self._last = _cut_to_last_line(self._index)
        self._shape = _first_shape(folder)
        """Of the whole frame that the next one must be like; None: any."""
        self._begun: tuple[int, int] | None = None
        """This session's first frame: its captured_ns, and where that lies in the recording."""

    def store(self, frame: Frame) -> None:
        """Image first, then its line. OSError: it could not be written, and what was begun of the image is deleted.

        UsageError: the first whole frame of this session is not like the recording's first, so it is another camera's.
        """
        if frame.complete and self._shape is not None:
            if frame.image.shape != self._shape:
                raise UsageError(
                    f"{self._folder} holds frames of {_size(self._shape)}, this camera delivers "
                    f"{_size(frame.image.shape)}: name a new folder"
                )
            self._shape = None
        number = self._last.number + 1 if self._last else 1
        picture = frame.image.ndim in (2, 3) and frame.image.size > 0
        file = f"{number // FILES_PER_FOLDER:05d}/{number:08d}.png" if picture else ""
        if picture:
            _write_png(self._folder / file, frame.image)
        self._add(number, frame, file, _sha256(frame.image) if frame.image.size else "")

    def note_loss(self, frame: Frame, why: str) -> None:
        """A line for a frame that came and is not in the recording. Raises OSError."""
        self._add(self._last.number + 1 if self._last else 1, frame, "", "", why)

    def close(self) -> None:
        """Somebody else may record to the folder now."""
        self._index.close()

    def _add(self, number: int, frame: Frame, file: str, sha256: str, lost: str = "") -> None:
        utc = datetime.now(UTC) - timedelta(microseconds=(time.monotonic_ns() - frame.captured_ns) / 1000)
        line = RecordedFrame(
            number=number,
            frame_id=frame.frame_id,
            captured_ns=frame.captured_ns,
            utc=utc,
            since_start_ns=self._since_start_ns(frame, utc),
            exposure_us=frame.exposure_us,
            complete=frame.complete,
            simulated=frame.simulated,
            shape=frame.image.shape,
            sha256=sha256,
            file=file,
            lost=lost,
        )
        data = line.model_dump_json().encode() + b"\n"
        if self._index.write(data) != len(data):  # a disk that is nearly full takes a part of it
            raise OSError("the line was not written to its end")
        self._last = line

    def _since_start_ns(self, frame: Frame, utc: datetime) -> int:
        """The session's own clock; from one session to the next, the time of day."""
        if self._begun is None:
            pause_ns = max(0, int((utc - self._last.utc) / timedelta(microseconds=1)) * 1000) if self._last else 0
            self._begun = frame.captured_ns, (self._last.since_start_ns if self._last else 0) + pause_ns
        first_ns, before_ns = self._begun
        return before_ns + max(0, frame.captured_ns - first_ns)


def _open_index(folder: Path) -> BinaryIO:
    """The index, unbuffered and locked, its reading end at the end."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not is_recording(folder) and any(folder.iterdir()):
            raise UsageError(f"{folder} holds something else than a recording: name an empty or a new folder")
        index = (folder / INDEX).open("a+b", buffering=0)
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise UsageError(f"cannot record to {folder}: {why}: name a folder that can be written") from error
    try:
        fcntl.flock(index, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        index.close()
        raise UsageError(f"somebody else is recording to {folder}: name another folder") from error
    return index


def _cut_to_last_line(index: BinaryIO) -> RecordedFrame | None:
    """Take away a half-written end; the last frame of what remains."""
    size = index.seek(0, os.SEEK_END)
    begin = index.seek(max(0, size - TAIL_BYTES))
    tail = index.read()
    whole = tail.rfind(b"\n") + 1
    index.truncate(begin + whole)
    try:
        return RecordedFrame.model_validate_json(tail[:whole].splitlines()[-1]) if whole else None
    except ValidationError as error:
        index.close()
        raise UsageError(f"{INDEX} ends in a line that is no frame: restore it, or name another folder") from error


def _first_shape(folder: Path) -> tuple[int, ...] | None:
    """Of the recording's first whole frame; None: it has none yet."""
    with (folder / INDEX).open("rb") as lines:
        for line in lines:
            try:
                recorded = RecordedFrame.model_validate_json(line)
            except ValidationError as error:
                raise UsageError(f"{folder / INDEX} is damaged: restore it, or name another folder") from error
            if recorded.complete and recorded.file:
                return recorded.shape
    return None


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]} px, {'colour' if shape[2:] else 'grey'}"


def _write_png(path: Path, image: Image) -> None:
    rows = image if image.shape[2:] in ((), (3,), (4,)) else image.reshape(image.shape[0], -1)
    data = png(rows)
    path.parent.mkdir(exist_ok=True)
    try:
        path.write_bytes(data)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sha256(image: Image) -> str:
    return hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()
