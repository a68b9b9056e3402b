"""`linegate run`, any thread of which can be brought to a halt while it runs.

`python -m tests.service.halting_station CONFIG`: at SIGUSR1 it reads a name from the file `halt` in its state_dir, and
from then on that step of it never comes back. The interpreter itself halts at once: nothing of Python goes on.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from agent.cameras.line_fired import LineFiredCamera
from agent.command_line import run_command
from agent.journal.housekeeping import Housekeeping
from agent.journal.writer import Writer
from agent.monitor.pulse import Pulse
from agent.plc.link import PlcLink
from agent.segmenter import Segmenter
from agent.standing import Standing

STEPS: dict[str, tuple[type, str]] = {
    "grab": (LineFiredCamera, "grab"),
    "segment": (Segmenter, "segment"),
    "deliver": (PlcLink, "deliver"),
    "between parts": (PlcLink, "_begin"),
    "link": (PlcLink, "tick"),
    "watchdog": (Standing, "say"),
    "journal": (Writer, "complete"),
    "publisher": (Pulse, "beat"),
    "housekeeping": (Housekeeping, "_round"),
}
INTERPRETER = "interpreter"
halted = ""


def halting(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """`step`, until its name is called."""

    @functools.wraps(step)
    def until_halted(*arguments: Any, **named: Any) -> Any:
        while halted == name:
            time.sleep(1)
        return step(*arguments, **named)

    return until_halted


def main(config: Path) -> None:
    """Run until something halts."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        global halted
        halted = (Path(os.environ["STATE_DIRECTORY"]) / "halt").read_text()
        if halted == INTERPRETER:
            ctypes.PyDLL(None).sleep(3600)

    assert threading.current_thread() is threading.main_thread()
    signal.signal(signal.SIGUSR1, on_signal)
    for name, (owner, step) in STEPS.items():
        setattr(owner, step, halting(name, getattr(owner, step)))
    sys.argv[1:] = ["run", str(config)]
    run_command()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
