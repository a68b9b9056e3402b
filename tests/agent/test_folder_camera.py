"""The folder camera: one image a trigger, and none for a trigger that has waited too long."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.cameras.folder import FolderDriver
from agent.config import FolderCamera
from agent.errors import NoDecision
from agent.inspection import Reason
from tests.agent.records import trigger

MS = 1_000_000


@pytest.fixture
def driver(tmp_path: Path) -> FolderDriver:
    for level in (10, 20, 30):
        cv2.imwrite(str(tmp_path / f"{level}.png"), np.full((8, 8), level, np.uint8))
    return FolderDriver(FolderCamera(driver="folder", path=tmp_path), capture_window_ms=1000)


def test_images_come_in_order_and_again(driver: FolderDriver) -> None:
    assert [int(driver.grab(trigger(seq)).image[0, 0]) for seq in range(1, 5)] == [10, 20, 30, 10]


def test_a_trigger_that_waited_behind_a_slow_part_gets_no_photo(driver: FolderDriver) -> None:
    """By now another part lies under the lens."""
    old = trigger(1)
    with pytest.raises(NoDecision) as caught:
        driver.grab(replace(old, latest_ns=old.latest_ns - 1100 * MS))
    assert caught.value.reason is Reason.CAPTURE_WINDOW
    assert int(driver.grab(trigger(2)).image[0, 0]) == 10
