"""A station's camera alone, recorded: whatever it delivers, or what it is asked for at a steady rate."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

from rich.console import Console

from agent.cameras import Driver
from agent.cameras.commissioning.showing import Shown
from agent.cameras.inbox import Inbox
from agent.cameras.open_camera import open_driver
from agent.cameras.recorder import RecordedDriver, Recorder
from agent.config import Config
from agent.errors import Fault

ASKED_PER_S = 5.0
LOOK_S = 0.02


def record_camera(
    config: Config, folder: Path, seconds: float | None, frames: int | None, rate_per_s: float | None,
    stop: threading.Event,
) -> None:  # fmt: skip
    """Record for `seconds` or `frames`, or until `stop`, and say what was stored.

    Raises UsageError for a folder that cannot be recorded to or holds another camera's frames, Fault when no frame
    came, the camera is lost or the disk is full: what was stored until then remains.
    """
    logging.getLogger("agent.cameras.recorder").setLevel(logging.ERROR)  # its warnings are our own last line
    mode = config.trigger.mode
    shown = Shown(config.camera, mode, config)
    if rate_per_s is not None:
        shown.require_asked("--rate")
    inbox, begun_s = Inbox(), time.monotonic()
    with ExitStack() as opened:
        recorder = opened.enter_context(closing(Recorder(folder, frames)))
        driver = opened.enter_context(closing(RecordedDriver(open_driver(config.camera, mode), recorder)))
        driver.start(inbox)
        _ask(driver, 1 / (rate_per_s or ASKED_PER_S) if shown.asked else None, seconds, recorder, inbox, stop)
    if recorder.stopped:
        raise recorder.stopped
    if not recorder.stored + recorder.lost:
        raise Fault(f"no frame came: {shown.no_frame}")
    took_s = time.monotonic() - begun_s
    print_ = Console(highlight=False, soft_wrap=True).print
    print_(f"{recorder.stored} frames in {took_s:.1f} s, {recorder.lost} lost: {folder}")


def _ask(
    driver: Driver, period_s: float | None, seconds: float | None, recorder: Recorder, inbox: Inbox,
    stop: threading.Event,
) -> None:  # fmt: skip
    """Until the time is over, the recording full, or `stop`; asks the camera every `period_s`, if it is to be asked."""
    begun_s = due_s = time.monotonic()
    while not stop.is_set() and not recorder.full and (seconds is None or time.monotonic() < begun_s + seconds):
        if recorder.stopped:
            return
        inbox.check()
        driver.check()
        if period_s is not None and time.monotonic() >= due_s:
            driver.fire()
            due_s += period_s
        stop.wait(min(LOOK_S, max(0.0, due_s - time.monotonic())) if period_s else LOOK_S)
