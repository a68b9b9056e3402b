"""Aravis' fake GigE Vision camera as a process of its own: a real camera at the wire, on 127.0.0.1."""

from __future__ import annotations

import subprocess
import time
from typing import Any

from agent.camera_config import AravisCamera, Mode, TriggerConfig
from agent.cameras.asked import AskedCamera
from agent.cameras.drivers.aravis import AravisDriver
from agent.cameras.drivers.gvcp_probe import Control, control_at
from agent.inspection import Trigger

ADDRESS = "127.0.0.1"
LIMITS = TriggerConfig(mode="timer", period_ms=100, min_pitch_ms=50)


class FakeCamera:
    """Runs from now on; its port is the one that GigE Vision prescribes, so one at a time."""

    def __init__(self, *options: object) -> None:
        self._process = subprocess.Popen(["arv-fake-gv-camera-0.8", "-i", ADDRESS, *map(str, options)])
        while control_at(ADDRESS)[0] is Control.NO_ANSWER:
            assert self._process.poll() is None, "the fake camera has ended: is another one running?"
            time.sleep(0.005)

    def kill(self) -> None:
        """The cable is out."""
        self._process.kill()
        self._process.wait()


def config(**settings: Any) -> AravisCamera:
    given = {"driver": "aravis", "device": ADDRESS, "exposure_us": 10_000, "width_px": 128, "height_px": 96}
    return AravisCamera(**{**given, **settings})


def driver(mode: Mode = "timer", **settings: Any) -> AravisDriver:
    return AravisDriver(config(**settings), mode)


def asked(**settings: Any) -> AskedCamera:
    return AskedCamera(driver(**settings), LIMITS)


def now(seq: int = 1, deadline_ms: int = 300) -> Trigger:
    now_ns = time.monotonic_ns()
    return Trigger(seq, seq, 1, now_ns, now_ns, now_ns + deadline_ms * 1_000_000, now_ns)
