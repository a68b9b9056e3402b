"""A station without a PLC as a process of its own, with a folder for its camera, and what it has said and recorded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.local_line import free_port, to_toml
from agent.messages import ResultMessage
from agent.subscriber.subscriber import subscribe
from tests.conftest import ROOT
from tests.results.records import rows_of

START_S = 30


class StandaloneStation:
    """`linegate run` on a config made for `folder`, `model` and the keys of [trigger]; a subscriber listens to it."""

    def __init__(self, path: Path, folder: Path, model: Path, trigger: dict[str, Any], **camera: float) -> None:
        self.config, self.journal = path / "station.toml", path / "state" / "journal.sqlite"
        self.endpoints = {name: f"tcp://127.0.0.1:{free_port()}" for name in ("results", "replay", "control")}
        self.messages: list[ResultMessage] = []
        settings: dict[str, Any] = {
            "recipe": str(ROOT / "config" / "recipes" / "magnetic_tile.toml"),
            "station": {"line": "line1", "name": "bench1", "state_dir": str(self.journal.parent)},
            "camera": {"driver": "folder", "path": str(folder)} | camera,
            "trigger": {"min_pitch_ms": 50} | trigger,
            "calibration": {"x_mm_per_px": 0.1, "y_mm_per_px": 0.1},
            "model": {"path": str(model), "provider": "cpu", "threads": 1},
            "publisher": self.endpoints,
        }
        self.config.write_text(to_toml(settings))
        self._log = path / "station.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._over = threading.Event()
        threading.Thread(target=self._receive, daemon=True).start()

    def start(self, said: str = "READY") -> None:
        """Until it has said that."""
        self._log.write_bytes(b"")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "agent", "run", str(self.config)], cwd=ROOT, stdout=log, stderr=log
            )
        self.wait(lambda: said in self.said())

    def said(self) -> str:
        """Its log."""
        return self._log.read_text()

    def wait(self, until: Callable[[], object]) -> None:
        """Fails, with what the station said, when it ends first or takes too long."""
        assert self._process
        end_s = time.monotonic() + START_S
        while not until():
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < end_s, self.said()
            time.sleep(0.02)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self._process
        self._process.terminate()
        return self._process.wait(10)

    def kill(self) -> None:
        """As the power does."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def close(self) -> None:
        """Kill it, and listen no more."""
        self.kill()
        self._over.set()

    def rows(self) -> list[dict[str, Any]]:
        """Its journal."""
        return rows_of(self.journal)

    def parts(self) -> list[tuple[int, int]]:
        """(epoch, seq) of the journal's inspections, in order."""
        return [(row["plc_epoch"], row["trigger_seq"]) for row in self.rows() if row["kind"] == "inspection"]

    def _receive(self) -> None:
        for message in subscribe(self.endpoints["results"], self.endpoints["replay"], since=0, stop=self._over):
            self.messages.append(message)
