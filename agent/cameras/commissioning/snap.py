"""One photo, as the station would take it, and what can be said of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from agent.cameras.commissioning.showing import Frames, Shown, look_at
from agent.cameras.open_camera import open_driver
from agent.errors import Fault, NoDecision, UsageError
from agent.frame_check import check_frame
from agent.inspection import Frame, Image
from agent.recipe import load_recipe
from agent.view import open_view


def snap(shown: Shown, output: Path, raw: bool, timeout_s: float) -> None:
    """Write one frame to `output` and describe it; `raw`: all that the camera gave, without [view].

    Raises UsageError for a file that cannot be written, Fault when no whole frame comes in time.
    """
    _require_writable(output)
    view = open_view(shown.config) if shown.config and not raw else None
    frame = _one_frame(shown, timeout_s)
    try:
        frame = view.of(frame) if view else frame
    except NoDecision as refusal:
        raise Fault(f"frame {frame.frame_id}: {refusal}; --raw shows it as it came") from refusal
    _write(output, frame.image)
    print(f"{_described(frame)} → {output}")
    if shown.config and view:
        _say_if_refused(frame, shown.config.recipe)


def _one_frame(shown: Shown, timeout_s: float) -> Frame:
    """The first that is whole: a camera that runs free may be in the middle of one."""
    driver = open_driver(shown.camera, shown.mode)
    incomplete = 0
    try:
        frames = Frames(driver, shown.asked)
        if shown.fired:
            print(f"trigger.mode = '{shown.mode}': waiting {timeout_s:g} s for the next fired frame", file=sys.stderr)
        until_ns = time.monotonic_ns() + int(timeout_s * 1e9)
        while (frame := frames.next(until_ns)) is not None and not frame.complete:
            incomplete += 1
    finally:
        driver.close()
    if frame is None:
        came = f"{incomplete} came incomplete: see packet size and cable" if incomplete else shown.no_frame
        raise Fault(f"no whole frame within {timeout_s:g} s: {came}")
    return frame


def _described(frame: Frame) -> str:
    height, width = frame.image.shape[:2]
    look = look_at(frame.image)
    kind = "grey" if frame.image.ndim == 2 else "colour"
    exposure = f"exposure {frame.exposure_us:g} µs" if frame.exposure_us else "exposure not told"
    return (
        f"frame {frame.frame_id}: {width} × {height} px {kind}, {exposure}, mean grey {look.mean_grey:.1f}, "
        f"{look.saturated:.2%} saturated, sharpness {look.sharpness:.1f}"
    )


def _say_if_refused(frame: Frame, recipe: Path) -> None:
    try:
        check_frame(frame, load_recipe(recipe).frame)
    except NoDecision as refusal:
        print(f"the station would not decide on it ({refusal.reason.name.lower()}): {refusal}", file=sys.stderr)


def _require_writable(output: Path) -> None:
    if not cv2.haveImageWriter(str(output)):
        raise UsageError(f"--output {output}: no image format of that ending: give .png, .bmp or .tiff")
    if not output.parent.is_dir():
        raise UsageError(f"--output {output}: no such folder {output.parent}")


def _write(output: Path, image: Image) -> None:
    _, data = cv2.imencode(output.suffix, image)
    try:
        output.write_bytes(np.asarray(data, np.uint8).tobytes())
    except OSError as error:
        raise UsageError(f"--output {output}: {error.strerror}: give a file that can be written") from error
