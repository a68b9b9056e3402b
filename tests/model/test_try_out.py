"""The process that tries out a model stands back: it gives way to the station, and goes first where memory runs out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from agent.model.try_out import FIRST_TO_GO, NICENESS
from tests.conftest import ROOT
from tests.waiting import wait_until


def test_it_gives_way_and_is_the_first_to_go() -> None:
    """Of a station that the kernel spares (OOMScoreAdjust of the unit)."""
    command = [sys.executable, "-m", "agent.model.try_out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as child:
        score = Path(f"/proc/{child.pid}/oom_score_adj")
        wait_until(lambda: score.read_text() == f"{FIRST_TO_GO}\n", "it is the first to go", score.read_text)
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == NICENESS
        child.kill()
