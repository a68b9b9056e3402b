"""A scripted line with the whole way of a photo: photo-eye, GigE Vision camera, Aravis, binding, checks."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tomllib
from pathlib import Path
from subprocess import Popen
from typing import Any

from agent.local_line import to_toml
from tests.conftest import ROOT
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine

SCAN_MS, CYCLE_MS, SIDE_PX = 1, 4, 64
RATE_PER_S, FRAME_TIMEOUT_MS = 60, 25
TOLD = 4000
"""Characters of the station's log, when a test fails."""
CHANGES: dict[str, dict[str, Any]] = {
    "plc": {"scan_ms": SCAN_MS, "cycle_ms": CYCLE_MS},
    "trigger": {"min_pitch_ms": 16, "tolerance_ms": 2},
}


class GigeLine(ScriptedLine):
    """`faults`: shares of all images that meet each; `order` types into the camera's menu."""

    station = "tests.faults.gige_station"

    def __init__(
        self,
        script: Script,
        parts: int,
        faults: dict[str, float],
        rate_per_s: float = RATE_PER_S,
        frame_timeout_ms: float = FRAME_TIMEOUT_MS,
    ) -> None:
        trigger = CHANGES["trigger"] | {"frame_timeout_ms": frame_timeout_ms}
        super().__init__(script, parts, rate_per_s, changes=CHANGES | {"trigger": trigger})
        self._faults = faults
        self.address = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        """Of its own: GigE Vision has but one port."""

    def _write_config(self) -> dict[str, Any]:
        settings = super()._write_config()
        seen = tomllib.loads(self.config.read_text())
        seen["camera"] = {"driver": "aravis", "device": self.address, "exposure_us": 500}
        self.config.write_text(to_toml(seen))
        return settings

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        return [*super()._simulator_arguments(settings), "--scan-ms", str(SCAN_MS)]

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        process = super().start(name, arguments)
        if name == "simulator":
            self._start_camera()
        return process

    def _start_camera(self) -> None:
        shares = [word for fault, share in self._faults.items() for word in ("--fault", f"{fault}={share}")]
        line, frame_log = self.settings["camera"]["endpoint"], self._path / "camera.jsonl"
        own = ["--address", self.address, "--line", line, "--frame-log", frame_log, "--seed", self.script.seed,
               "--sensor", f"{SIDE_PX}x{SIDE_PX}"]  # fmt: skip
        command = [sys.executable, "-m", "agent", "camera", "sim", *map(str, own), *shares]
        with self.log("camera").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT)
        self._processes["camera"] = self.processes["camera"] = process

    def order(self, text: str) -> None:
        """Type this into the camera's menu."""
        keyboard = self.processes["camera"].stdin
        assert keyboard is not None
        keyboard.write(f"{text}\n".encode())
        keyboard.flush()

    def __exit__(self, *failure: Any) -> None:
        if failure[0] is not None:  # pytest shows it
            print(self.log("station").read_text(errors="replace")[-TOLD:])
        self.stop("camera")
        super().__exit__(*failure)

    # --- what the camera did, and what the station took -----------------------------------------------------------

    def fault_of_part(self) -> dict[int, str]:
        """What the image of each part met; '' = nothing. A part whose image the camera did not take is not in it."""
        met = {round(record["captured_ns"] / 1e6): record["fault"] for record in self._read("camera.jsonl")}
        eyes = ((record["part_id"], record["passed_eye_ms"]) for record in self.truth())
        near = ((part_id, met.get(eye_ms, met.get(eye_ms + 1))) for part_id, eye_ms in eyes)  # the PLC's is cut off
        return {part_id: fault for part_id, fault in near if fault is not None}

    def judged(self) -> list[dict[str, Any]]:
        """Rows of the parts that passed or were rejected for what was seen on them."""
        return [row for row in self.rows() if row["verdict"] != "no_decision"]

    def check_photos(self) -> None:
        """No PASS, and no REJECT either, but on the part's own photo, whole, well exposed and of the right size."""
        photos = {note["part_id"]: note for note in self._read("photos.jsonl")}
        faults = self.fault_of_part()
        for row in self.rows():
            assert row["simulated"], "a simulated camera's parts went into the records as real ones"
            verdict, part_id = row["late_verdict"] or row["verdict"], row["part_id"]
            if verdict == "no_decision":
                continue
            photo = photos[part_id]
            assert photo["number"] == part_id, f"part {part_id} was judged by the photo of part {photo['number']}"
            assert photo["complete"], f"part {part_id} was judged by an incomplete photo"
            assert photo["shape"] == [SIDE_PX, SIDE_PX], f"part {part_id} was judged by a photo of another size"
            assert faults[part_id] not in ("lose", "incomplete", "black", "saturated", "resized"), (
                f"part {part_id} was judged although its photo met '{faults[part_id]}'"
            )

    def _read(self, name: str) -> list[dict[str, Any]]:
        path: Path = self._path / name
        return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
