"""AGENT_HB moves only while every stage makes progress (DESIGN §3.7); the real station, really hung.

camera   the photo to come is a FIFO: cv2.imread waits for it as for a device that has died
model    the graph holds a loop without end: session.run does not come back
loop     another program holds the journal locked and the station waits for its row too long: `deliver` does not return
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import cv2
import numpy as np
import pytest

from agent.health import DELIVER_MS, EXIT_MS, GRACE_MS, IDLE_MS
from agent.local_line import DECIDE_MS, LineOptions, to_toml
from agent.open_station import SEGMENT_BUDGET_MS
from agent.procedural import render_tile
from tests.conftest import ROOT
from tests.faults.observed_line import ObservedLine
from tests.faults.plc_memory import HeartbeatWatch
from tests.faults.report import Finding, Report
from tests.faults.sizes import sized
from tests.hanging_model import HANGS_AT_GREY, write_hanging_model
from tests.waiting import wait_until

pytestmark = pytest.mark.alone

RATE_PER_S = 20
STANDS_S = 0.4
SIDE_PX = 64
GRAB_BUDGET_MS = 200.0
"""frame_timeout_ms + capture_window_ms, both at their defaults."""
BUDGETS_MS = {
    "grab": GRAB_BUDGET_MS,
    "segment": SEGMENT_BUDGET_MS,
    "loop": IDLE_MS + GRAB_BUDGET_MS + SEGMENT_BUDGET_MS + DELIVER_MS,
}


class FolderLine(ObservedLine):
    """The station photographs one file over and over; the belt only brings triggers."""

    def __init__(self, model: Path, photo: Path) -> None:
        super().__init__(LineOptions(seconds=60, rate_per_s=RATE_PER_S, model=model))
        self.photo = photo

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        if name != "station":
            return super().start(name, arguments)
        command = [sys.executable, "-m", "tests.faults.patient_station", str(self.config)]
        with self.log(name).open("ab") as log:
            process = Popen(command, stdin=DEVNULL, stdout=log, stderr=log, cwd=ROOT)
        self._processes[name] = self.processes[name] = process
        return process

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        return [*super()._simulator_arguments(settings), "--blank"]

    def _write_config(self) -> dict[str, Any]:
        settings = super()._write_config()
        station = tomllib.loads(self.config.read_text())
        station["camera"] = {"driver": "folder", "path": str(self.photo.parent)}
        station["trigger"] = {"mode": "announced", "min_pitch_ms": 100}
        self.config.write_text(to_toml(station))
        return settings


def tile(corner: int) -> np.ndarray:
    """A photo whose first pixel has this grey."""
    image = render_tile(np.random.default_rng(1), "free", SIDE_PX, SIDE_PX)[0]
    image[0, 0] = corner
    return image


@contextmanager
def hung_camera(line: FolderLine) -> Iterator[None]:
    fifo = line.photo.with_suffix(".fifo")
    os.mkfifo(fifo)
    fifo.rename(line.photo)
    yield


@contextmanager
def hung_model(line: FolderLine) -> Iterator[None]:
    fatal = line.photo.with_suffix(".new.png")
    cv2.imwrite(str(fatal), tile(HANGS_AT_GREY))
    fatal.rename(line.photo)
    yield


@contextmanager
def hung_loop(line: FolderLine) -> Iterator[None]:
    with closing(sqlite3.connect(line.journal, isolation_level=None)) as other_program:
        other_program.execute("BEGIN IMMEDIATE")
        yield


HANGS: dict[str, Callable[[FolderLine], Any]] = {"grab": hung_camera, "segment": hung_model, "loop": hung_loop}


@pytest.fixture(scope="module")
def hanging_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hanging_model(tmp_path_factory.mktemp("model") / "hanging.onnx")


@dataclass(frozen=True)
class Hang:
    """How one hang went, ms."""

    silent_ms: float
    """From the photo-eye of the part at which it hung to AGENT_HB's last move."""
    ended_ms: float
    """From there to the end of the process."""


@pytest.mark.parametrize("stage", HANGS)
@sized(("repeats",), (1,), (5,))
def test_a_hung_stage_silences_the_heartbeat_and_ends_the_process(
    report: Report, tmp_path: Path, hanging_model: Path, stage: str, repeats: int
) -> None:
    hangs = [hang_once(tmp_path / f"photos{number}" / "photo.png", hanging_model, stage) for number in range(repeats)]
    budget_ms = BUDGETS_MS[stage]
    report.add(
        Finding(f"heartbeat truth: {stage}", 0, repeats, note=(
            f"AGENT_HB silent {max(hang.silent_ms for hang in hangs) - budget_ms:.0f} ms after the budget of "
            f"{budget_ms:.0f} ms at the latest (to be: {GRACE_MS}), "
            f"exit 1 {max(hang.ended_ms for hang in hangs):.0f} ms later (to be: {EXIT_MS})"
        ))
    )  # fmt: skip


def hang_once(photo: Path, model: Path, stage: str) -> Hang:
    """Let that stage hang in mid-belt; what must hold is asserted here."""
    photo.parent.mkdir()
    cv2.imwrite(str(photo), tile(128))
    with FolderLine(model, photo) as line:
        wait_until(lambda: len(line.rows()) >= 5, "parts are inspected")
        station = line.processes["station"]
        with HeartbeatWatch(line.settings["plc"]["port"]) as watch, HANGS[stage](line):
            begun_s = time.monotonic()
            wait_until(lambda: time.monotonic() - watch.moved_s[-1] > STANDS_S, "the heartbeat stands still")
            assert station.poll() is None, "it was the end of the process that silenced the heartbeat"
            assert station.wait(20) == 1
            ended_s = time.monotonic()
        assert line.said(f"stage '{stage}' hangs") == 1
        line.wait_for_parts(len(line.truth()) + RATE_PER_S)
        edges_s = {record["at_s"] - DECIDE_MS / 1000: record["outcome"] for record in line.truth()}
        last_passed_s = max(edge_s for edge_s, outcome in edges_s.items() if outcome == "passed")
        assert last_passed_s < begun_s, "a part was let through that nobody can have seen"
        hung_s = min(edge_s for edge_s in edges_s if edge_s > last_passed_s)
        return Hang((watch.moved_s[-1] - hung_s) * 1000, (ended_s - watch.moved_s[-1]) * 1000)
