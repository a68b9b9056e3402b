"""The real station on a real model file that can fail; its camera's photos carry the script's verdict, or a fault.

`python -m tests.faults.faulty_model_station CONFIG SCRIPT`. When the file beside SCRIPT that ends in .fault is there,
its text (a key of GREYS) says which fault the next photo brings about; the part's number is written into .struck.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from agent import open_station
from agent.config import load_config
from agent.errors import exit_on_error
from agent.inspection import Frame, Image, Trigger, Verdict
from agent.log.open_log import open_log, tell_end
from agent.service import stop_on_signals
from tests.faults.script import Script
from tests.faults.scripted_station import ScriptedCamera
from tests.faulty_model import GREYS
from tests.tiny_model import SIDE_PX

TILE = np.random.default_rng(1).integers(110, 150, (SIDE_PX, SIDE_PX)).astype(np.uint8)
"""Grain, as a photo has: a flat one is refused."""


class FaultyCamera(ScriptedCamera):
    """Its photos are those of a tile: plain, or with a dark square in the middle."""

    def __init__(self, script: Script, fault: Path) -> None:
        super().__init__(script)
        self._fault = fault

    def grab(self, trigger: Trigger) -> Frame:
        frame = super().grab(trigger)
        bad = self._script.verdict(trigger.part_id) is Verdict.REJECT
        return Frame(self._photo(trigger, bad), frame.frame_id, frame.captured_ns, simulated=True)

    def _photo(self, trigger: Trigger, bad: bool) -> Image:
        image = TILE.copy()
        if bad:
            image[20:44, 20:44] = 0
        if self._fault.exists():
            image[0, 0] = GREYS[self._fault.read_text()]
            self._fault.with_suffix(".struck").write_text(str(trigger.part_id))
            self._fault.unlink()
        return image


def main(config_path: Path, script_path: Path) -> None:
    """Run until SIGTERM, or until the model fails."""
    open_log("text")
    camera = FaultyCamera(Script.read(script_path), script_path.with_suffix(".fault"))

    def open_camera(*_: object) -> FaultyCamera:
        return camera

    open_station.open_camera = open_camera  # type: ignore[assignment]
    with exit_on_error(tell_end):
        open_station.run_station(load_config(config_path), stop_on_signals())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
