"""The folder camera: one image a trigger, and none for a trigger that has waited too long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.camera_config import FolderCamera, TriggerConfig
from agent.cameras.asked import AskedCamera
from agent.cameras.drivers.folder import FolderDriver
from agent.errors import NoDecision
from agent.inspection import Reason
from tests.agent.records import trigger

MS = 1_000_000


@pytest.fixture
def camera(tmp_path: Path) -> AskedCamera:
    for level in (10, 20, 30):
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((8, 8), level, np.uint8))
    driver = FolderDriver(FolderCamera(driver="folder", path=tmp_path), "announced")
    return AskedCamera(driver, TriggerConfig(mode="announced", min_pitch_ms=50, capture_window_ms=1000))


def test_images_come_in_order_and_again(camera: AskedCamera) -> None:
    assert [int(camera.grab(trigger(seq)).image[0, 0]) for seq in range(1, 5)] == [10, 20, 30, 10]


def test_a_trigger_that_waited_behind_a_slow_part_gets_no_photo(camera: AskedCamera) -> None:
    """By now another part lies under the lens."""
    old = trigger(1)
    with pytest.raises(NoDecision) as caught:
        camera.grab(replace(old, latest_ns=old.latest_ns - 1100 * MS))
    assert caught.value.reason is Reason.CAPTURE_WINDOW
    assert int(camera.grab(trigger(2)).image[0, 0]) == 10
