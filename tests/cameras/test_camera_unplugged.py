"""F10: the camera is unplugged and comes back, again and again; whoever lost it ends, and the next one opens it."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import pytest

from agent.cameras.asked import AskedCamera
from agent.errors import Fault, NoDecision
from tests.cameras.fake_gige import FakeCamera, asked, now
from tests.faults.sizes import sized

pytestmark = pytest.mark.gige

LOST_S, BACK_S = 3.0, 5.0


def test_a_restarted_camera_is_lost_for_it_has_forgotten_everything() -> None:
    camera = FakeCamera()
    opened = asked()
    assert opened.grab(now(1)).complete
    camera.kill()
    camera = FakeCamera()
    assert "camera lost" in told_lost(opened)
    opened.close()
    camera.kill()


@sized(("cycles",), (5,), (200,))
def test_unplugged_and_plugged_in_again(cycles: int) -> None:
    """No part gets a frame of a dead camera, the loss is told in time, nothing is left behind."""
    before = held_when_nothing_is_open()
    for _ in range(cycles):
        camera = FakeCamera()
        back_s = time.monotonic()
        opened = asked()
        assert opened.grab(now(1)).complete
        assert time.monotonic() - back_s < BACK_S
        camera.kill()
        part = now(2)
        with pytest.raises((NoDecision, Fault), match=r"no frame within its time|camera lost"):
            opened.grab(part)
        assert time.monotonic_ns() < part.deadline_ns
        assert "camera lost" in told_lost(opened)
        opened.close()
    assert no_more(held_when_nothing_is_open(before), before)


def told_lost(camera: AskedCamera) -> str:
    """What `check` says in the end."""
    until_s = time.monotonic() + LOST_S
    while time.monotonic() < until_s:
        try:
            camera.check()
        except Fault as fault:
            return str(fault)
        time.sleep(0.02)
    raise AssertionError(f"not lost after {LOST_S} s")


def held_when_nothing_is_open(at_most: tuple[int, ...] | None = None) -> tuple[int, ...]:
    """What is held half a second after a driver was closed, or earlier once it is no more than `at_most`."""
    camera = FakeCamera()  # Aravis takes ten seconds to believe that a camera is dead, and none if it answers
    asked().close()
    gc.collect()
    until_s = time.monotonic() + (0.5 if at_most is None else 15)
    while not (at_most and no_more(held(), at_most)) and time.monotonic() < until_s:
        time.sleep(0.05)
    camera.kill()
    return held()


def held() -> tuple[int, ...]:
    """Descriptors, Python threads, all threads."""
    return len(os.listdir("/proc/self/fd")), threading.active_count(), len(list(Path("/proc/self/task").iterdir()))


def no_more(found: tuple[int, ...], before: tuple[int, ...]) -> bool:
    return all(each <= was for each, was in zip(found, before, strict=True))
