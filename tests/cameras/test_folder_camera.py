"""The folder camera: one image a trigger, or by itself at the recorded times; and what cannot be played."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.camera_config import FolderCamera, Mode, TriggerConfig
from agent.cameras.asked import AskedCamera
from agent.cameras.drivers.folder import FolderDriver
from agent.cameras.inbox import Inbox
from agent.errors import ConfigError, NoDecision
from agent.inspection import Frame, Reason
from tests.results.records import trigger

MS = 1_000_000


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for level in (10, 20, 30):
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((8, 8), level, np.uint8))
    return tmp_path


@pytest.fixture
def camera(images: Path) -> AskedCamera:
    driver = FolderDriver(FolderCamera(driver="folder", path=images), "announced")
    return AskedCamera(driver, TriggerConfig(mode="announced", min_pitch_ms=50, capture_window_ms=1000))


def played(path: Path, frames: int, rate_per_s: float | None = None, mode: Mode = "every_frame") -> list[Frame]:
    """So many frames of a camera that runs by itself."""
    driver, inbox = FolderDriver(FolderCamera(driver="folder", path=path, rate_per_s=rate_per_s), mode), Inbox()
    driver.start(inbox)
    inbox.wait(lambda arrived: len(arrived) >= frames or None, time.monotonic_ns() + 5_000 * MS)
    driver.close()
    return list(inbox.frames)[:frames]


def test_images_come_in_order_and_again(camera: AskedCamera) -> None:
    assert [int(camera.grab(trigger(seq)).image[0, 0]) for seq in range(1, 5)] == [10, 20, 30, 10]


def test_a_trigger_that_waited_behind_a_slow_part_gets_no_photo(camera: AskedCamera) -> None:
    """By now another part lies under the lens."""
    old = trigger(1)
    with pytest.raises(NoDecision) as caught:
        camera.grab(replace(old, latest_ns=old.latest_ns - 1100 * MS))
    assert caught.value.reason is Reason.CAPTURE_WINDOW
    assert int(camera.grab(trigger(2)).image[0, 0]) == 10


def test_images_run_by_themselves_at_the_rate_that_is_given(images: Path) -> None:
    frames = played(images, 4, rate_per_s=50, mode="presence")
    assert [(frame.frame_id, int(frame.image[0, 0])) for frame in frames] == [(1, 10), (2, 20), (3, 30), (4, 10)]
    assert all(after.captured_ns - before.captured_ns >= 20 * MS for before, after in pairwise(frames))
    assert all(frame.simulated and frame.received_ns >= frame.captured_ns for frame in frames)


def test_an_image_that_went_bad_is_an_incomplete_frame(images: Path) -> None:
    driver, inbox = FolderDriver(FolderCamera(driver="folder", path=images), "announced"), Inbox()
    driver.start(inbox)
    cv2.imwrite(str(images / "10.png"), np.zeros((8, 8), np.uint16))
    (images / "20.png").unlink()
    for _ in range(3):
        driver.fire()
    assert [frame.complete for frame in inbox.frames] == [False, False, True]


def test_an_image_without_a_picture_is_named_once(images: Path, caplog: pytest.LogCaptureFixture) -> None:
    driver, inbox = FolderDriver(FolderCamera(driver="folder", path=images), "announced"), Inbox()
    driver.start(inbox)
    (images / "10.png").write_bytes(b"")
    (images / "20.png").unlink()
    cv2.imwrite(str(images / "30.png"), np.zeros((8, 8), np.uint16))
    for _ in range(6):
        driver.fire()
    assert not any(frame.complete for frame in inbox.frames)
    assert caplog.messages == [
        f"camera.path: {images / '10.png'} cannot be shown: it is damaged",
        f"camera.path: {images / '20.png'} cannot be shown: it is not there any more",
        f"camera.path: {images / '30.png'} cannot be shown: its values are uint16: make them 8 bits each",
    ]


def test_a_video_plays_at_its_own_times_over_and_over(tmp_path: Path) -> None:
    video = tmp_path / "belt.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=50:duration=0.06"]
    subprocess.run(["ffmpeg", "-loglevel", "error", *source, "-c:v", "mpeg2video", video], check=True)
    frames = played(video, 7)
    assert [frame.frame_id for frame in frames] == [1, 2, 3, 4, 5, 6, 7]
    assert all(after.captured_ns - before.captured_ns >= 20 * MS for before, after in pairwise(frames))
    assert (frames[0].image == frames[3].image).all()
    assert (frames[0].image != frames[1].image).any()


def nothing(folder: Path) -> Path:
    return folder / "none"


def empty(folder: Path) -> Path:
    return folder


def no_image(folder: Path) -> Path:
    (folder / "a.png").write_text("text")
    return folder


def no_video(folder: Path) -> Path:
    (folder / "a.mp4").write_text("text")
    return folder / "a.mp4"


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        (nothing, "no such folder"),
        (empty, "no images (.bmp, .jpeg, .jpg, .png, .tif, .tiff) in"),
        (no_image, "a.png cannot be read as an image: remove or replace it"),
        (no_video, "a.mp4 cannot be read as a video"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path: Path, prepare: Callable[[Path], Path], complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        FolderDriver(FolderCamera(driver="folder", path=prepare(tmp_path)), "announced")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


def test_how_fast_it_plays_is_never_guessed(images: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing key 'camera\.rate_per_s'"):
        FolderDriver(FolderCamera(driver="folder", path=images), "every_frame")
    with pytest.raises(ConfigError, match=r"rate_per_s does not go with trigger\.mode = 'announced'"):
        FolderDriver(FolderCamera(driver="folder", path=images, rate_per_s=5), "announced")
