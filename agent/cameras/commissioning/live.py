"""Frames as they come: once a second what they are like, and a summary at the end."""

from __future__ import annotations

import logging
import sys
import threading
import time
from dataclasses import dataclass

from agent.cameras import Driver
from agent.cameras.commissioning.frame_statistics import Statistics
from agent.cameras.commissioning.live_screen import Screen
from agent.cameras.commissioning.showing import Frames, Shown, look_at
from agent.cameras.open_camera import open_driver
from agent.errors import Fault
from agent.realtime import SWITCH_INTERVAL_S

SECOND_NS = 1_000_000_000
LOOK_EVERY_NS = SECOND_NS // 10
"""To look at every frame would make this slower than the station is."""


@dataclass(frozen=True)
class Duration:
    """None: until somebody stops it; None: as fast as frames come."""

    seconds: float | None
    rate_per_s: float | None


def live(shown: Shown, duration: Duration, screen: Screen, stop: threading.Event) -> None:
    """Show what comes until the time is over, or `stop`; the summary also when the camera is lost.

    Raises the camera's Fault, or one when no frame came at all.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as in the station, whose delays are to be seen
    logging.getLogger("agent.cameras.drivers").setLevel(logging.ERROR)  # what they warn of is counted here
    driver = open_driver(shown.camera, shown.mode)
    total = Statistics()
    try:
        with screen:
            _watch(driver, shown, duration, total, screen, stop)
    finally:
        driver.close()
        if total.frames:
            screen.summary(total.figures())
    if not total.frames:
        raise Fault(f"no frame came: {shown.no_frame}")


def _watch(driver: Driver, shown: Shown, duration: Duration, total: Statistics, screen: Screen,
           stop: threading.Event) -> None:  # fmt: skip
    frames = Frames(driver, shown.asked)
    part = Statistics()
    now_ns = begun_ns = looked_ns = time.monotonic_ns()
    end_ns = begun_ns + int(duration.seconds * SECOND_NS) if duration.seconds else None
    shown_s = 0
    while not stop.is_set() and (end_ns is None or now_ns < end_ns):
        frame = frames.next(now_ns + SECOND_NS if end_ns is None else min(now_ns + SECOND_NS, end_ns))
        in_hand_ns = time.monotonic_ns()
        if frame is not None:
            due = frame.complete and frame.image.size and in_hand_ns - looked_ns >= LOOK_EVERY_NS
            look = look_at(frame.image) if due else None
            looked_ns = in_hand_ns if due else looked_ns
            for statistics in (total, part):
                statistics.add(frame, in_hand_ns, look)
        if duration.rate_per_s:
            stop.wait(max(0.0, 1 / duration.rate_per_s - (time.monotonic_ns() - now_ns) / 1e9))
        now_ns = time.monotonic_ns()
        if now_ns - begun_ns >= (shown_s + 1) * SECOND_NS:
            shown_s = (now_ns - begun_ns) // SECOND_NS
            screen.second(shown_s, part.figures())
            part = part.next_part()
