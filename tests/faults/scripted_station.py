"""The real station with two parts exchanged: a camera whose photos carry the part's number, and a segmenter that reads
it and finds what the script says, after the time that the script says.

`python -m tests.faults.scripted_station CONFIG SCRIPT`. Everything else is `linegate run`: loop, judge, link, journal,
publisher, health. SIGUSR1 strikes one thread with an exception at whatever it is doing: the one whose name stands in
the file beside SCRIPT that ends in .strike.
"""

from __future__ import annotations

import ctypes
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import numpy as np

from agent import inspector, open_station
from agent.config import load_config
from agent.errors import NoDecision, exit_on_error
from agent.inspection import Frame, Image, Reason, Trigger, Verdict
from agent.judge import Segmentation
from agent.log.open_log import open_log, tell_end
from agent.preprocess import Letterbox
from agent.service import stop_on_signals
from tests.faults.script import Script
from tests.tiny_model import tiny_contract

SIDE_PX = 16
GREY = 128


class InjectedError(Exception):
    """What a stricken thread dies of."""


class ScriptedCamera:
    """Photographs the part that the trigger names; as a real one it has no photo for a trigger that came too late."""

    simulated = True

    def __init__(self, script: Script) -> None:
        self._script = script
        self._frames = 0

    def grab(self, trigger: Trigger) -> Frame:
        self._frames += 1
        if time.monotonic_ns() >= trigger.deadline_ns:
            raise NoDecision(Reason.FRAME_TIMEOUT, f"no frame for trigger {trigger.seq}")
        if self._script.verdict(trigger.part_id) is Verdict.NO_DECISION:
            raise NoDecision(Reason.FRAME_QUALITY, "the script says so")
        return Frame(photo_of(trigger.part_id), self._frames, time.monotonic_ns(), simulated=True)

    def check(self) -> None:
        """It is never lost."""

    def close(self) -> None:
        """Nothing is held open."""


class ScriptedSegmenter:
    """In the place of agent.segmenter.Segmenter; goes by nothing but the photo."""

    script: Script
    sha256 = "5c" * 32
    provider = "script"
    contract = tiny_contract()

    def __init__(self, path: Path, provider: str, threads: int, tiling: None) -> None:
        """The model file is not read."""

    def self_test(self) -> None:
        """A script is right by definition."""

    def on_plan(self, told: Callable[[float], None]) -> None:
        """It tiles nothing."""

    def golden_images(self) -> list[Image]:
        return [photo_of(1)]

    def segment(self, image: Image) -> Segmentation:
        """A blowhole over the whole part, or nothing."""
        begun_ns, part_id = time.monotonic_ns(), number_on(image)
        time.sleep(self.script.inference_ms(part_id) / 1000)
        bad = self.script.verdict(part_id) is Verdict.REJECT
        score_map = np.full((SIDE_PX, SIDE_PX), 255 if bad else 0, np.uint8)
        box = Letterbox(1.0, 0, 0, SIDE_PX, SIDE_PX)
        return Segmentation(np.ones_like(score_map), score_map, box, (time.monotonic_ns() - begun_ns) / 1e6)


def photo_of(part_id: int) -> Image:
    """A grey tile with the part's number in its first pixels."""
    image = np.full((SIDE_PX, SIDE_PX), GREY, np.uint8)
    image[0, :4] = list(part_id.to_bytes(4, "big"))
    return image


def number_on(image: Image) -> int:
    """What `photo_of` wrote."""
    return int.from_bytes(image[0, :4].tobytes(), "big")


def strike(name: str) -> None:
    """Raise InjectedError in the thread of that name, at its next bytecode."""
    (thread,) = [thread for thread in threading.enumerate() if thread.name == name]
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(InjectedError))


def compute_for_ever() -> None:
    """Never gives up the interpreter of its own will."""
    count = 0
    while True:
        count += 1


def main(config_path: Path, script_path: Path) -> None:
    """Run until SIGTERM, or until something dies."""
    open_log("text")
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    script = Script.read(script_path)

    def on_strike(number: int, frame: FrameType | None) -> None:
        strike(script_path.with_suffix(".strike").read_text())

    def open_camera(*_: object) -> ScriptedCamera:
        return ScriptedCamera(script)

    signal.signal(signal.SIGUSR1, on_strike)
    ScriptedSegmenter.script = script
    inspector.Segmenter, open_station.open_camera = ScriptedSegmenter, open_camera
    if script.gil_hog:
        threading.Thread(target=compute_for_ever, name="hog", daemon=True).start()
    with exit_on_error(tell_end):
        open_station.run_station(load_config(config_path), stop_on_signals())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
