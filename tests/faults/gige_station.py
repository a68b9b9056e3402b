"""The real station, camera and all, with one part exchanged: the segmenter, which reads the part's number off a photo.

`python -m tests.faults.gige_station CONFIG SCRIPT`. It notes beside SCRIPT, in photos.jsonl, which photo it took for
which part: what the segmenter saw is known exactly, and not only by the verdict.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TextIO

from agent import inspector, open_station
from agent.cameras.line_fired import LineFiredCamera
from agent.config import load_config
from agent.errors import exit_on_error
from agent.inspection import Frame, Trigger
from agent.log.open_log import open_log, tell_end
from agent.service import stop_on_signals
from tests.faults.script import Script
from tests.faults.scripted_station import ScriptedSegmenter, number_on


def note_photos(notes: TextIO) -> None:
    """From now on write down what `grab` gives."""
    grab = LineFiredCamera.grab

    def noted(camera: LineFiredCamera, trigger: Trigger) -> Frame:
        frame = grab(camera, trigger)
        number = number_on(frame.image) if frame.complete else None
        note = {"part_id": trigger.part_id, "number": number, "complete": frame.complete, "shape": frame.image.shape}
        print(json.dumps(note), file=notes, flush=True)
        return frame

    LineFiredCamera.grab = noted  # type: ignore[method-assign]


def main(config_path: Path, script_path: Path) -> None:
    """Run until SIGTERM, or until something dies."""
    open_log("text")
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    note_photos(script_path.with_name("photos.jsonl").open("a"))
    ScriptedSegmenter.script = Script.read(script_path)
    inspector.Segmenter = ScriptedSegmenter  # type: ignore[misc,assignment]
    with exit_on_error(tell_end):
        open_station.run_station(load_config(config_path), stop_on_signals())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
