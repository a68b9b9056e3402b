"""Is there memory for the photos that may wait? The unit allows so much, and ends a station that wants more."""

from __future__ import annotations

import math
import re
from collections.abc import Set
from pathlib import Path

from agent.camera_config import FREE_RUNNING, GenicamSettings
from agent.cameras.inbox import BUFFERS
from agent.cameras.open_camera import ordered_size
from agent.check.drop_ins import drop_ins
from agent.check.problems import Problems
from agent.config import Config
from agent.service import unit_of
from agent.standalone.link import MOST_WAITING

ALLOWED_GB = {"cpu": 2.0, "cuda": 8.0}
"""MemoryMax of the unit, and of its drop-in gpu."""
TAKEN_GB = {"cpu": 0.6, "cuda": 3.5}
"""The station itself, CUDA's buffers, and what record, archive and subscribers may hold of photos, small or large."""
IN_HAND = 4
"""The loop's, its view of it, presence's best and the newest for whoever asks."""
DRIVER_BUFFERS = 16
"""Of a GenICam camera, as it sends them."""
GB = 2**30


def check_memory(config: Config, sound: Set[str], problems: Problems) -> None:
    """By the camera's size, where the file says it: all that may wait while the station is held up."""
    size = ordered_size(config.camera) if {"camera", "trigger", "model"} <= sound else None
    if size is None:
        return
    pixels, provider, camera = size[0] * size[1], config.model.provider, config.camera
    photo_bytes, driver_bytes = 3 * pixels, 0
    if isinstance(camera, GenicamSettings):
        photo_bytes = pixels if camera.pixel_format.startswith("Mono") else photo_bytes
        driver_bytes = DRIVER_BUFFERS * pixels
    waiting = BUFFERS if config.trigger.mode == "hardware" else 0
    if config.trigger.mode in FREE_RUNNING:
        waiting = BUFFERS + MOST_WAITING
    held_gb = ((waiting + IN_HAND) * photo_bytes + driver_bytes) / GB
    needed_gb, allowed_gb = TAKEN_GB[provider] + held_gb, _allowed_gb(problems.file.path, provider)
    if needed_gb > allowed_gb:
        problems.warn(
            "camera.width_px",
            f"photos of {size[1]} × {size[0]} px have {photo_bytes / 1e6:.0f} MB each, and {waiting} may wait when the "
            f"station is held up: about {needed_gb:.1f} GB, and its unit allows {allowed_gb:g} GB: "
            f"MemoryMax={math.ceil(needed_gb)}G by systemctl edit {unit_of(problems.file.path)}, or smaller photos",
        )


def _allowed_gb(station: Path, provider: str) -> float:
    """By the drop-in that has the last word; none: as shipped."""
    found = re.findall(r"^MemoryMax=(\d+(?=G$)|infinity)", drop_ins(station), re.MULTILINE)
    return float(found[-1]) if found else ALLOWED_GB[provider]
