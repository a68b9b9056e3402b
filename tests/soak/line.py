"""The line of the soak: the shipped simulation with everything switched on that a station can do beside its parts."""

from __future__ import annotations

import os
import subprocess
import sys
from subprocess import Popen
from typing import Any

from agent.local_line import LineOptions, free_port
from tests.conftest import ROOT
from tests.faults.observed_line import ObservedLine

ARCHIVE_GB = 0.05
"""Full after some minutes: from then on each image that is kept costs an older one."""


class SoakLine(ObservedLine):
    """The real model; journal, publisher with images, archive, drift, figures for Prometheus."""

    def __init__(self, options: LineOptions) -> None:
        self.metrics = f"127.0.0.1:{free_port()}"
        features: dict[str, dict[str, Any]] = {
            "model": {},  # two threads, as shipped
            "publisher": {"images": "not_passed"},
            "archive": {"max_gb": ARCHIVE_GB, "min_free_gb": 0.5},
            "drift": {"baseline_parts": 500},
            "metrics": {"endpoint": self.metrics},
        }
        super().__init__(options, features)

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        """In a process group of its own: Ctrl-C at the terminal ends the soak, and that ends the line in order."""
        with self.log(name).open("ab") as log:
            process = Popen(
                [sys.executable, "-m", "agent", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=os.environ, process_group=0,
            )  # fmt: skip
        self._processes[name] = self.processes[name] = process
        return process

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        return [*super()._simulator_arguments(settings), "--decide-by", "encoder"]  # should the line ever stand

    def _receive(self) -> None:
        """The soak has subscribers of its own, which keep no messages."""
