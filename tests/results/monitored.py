"""Everything beside the deadline path of a station without a PLC, all real but photos: a test says what was seen."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any, Self

from agent.config import load_config
from agent.ending import Ending
from agent.health import Health, Stage
from agent.identity import Identity
from agent.inspection import Defect, FrameStats, Inspection, Judgement, Reason, Verdict
from agent.local_line import to_toml
from agent.plc.decision import Decision
from agent.records import Records
from agent.setup import Setup
from agent.standalone.link import StandaloneLink
from tests.conftest import ROOT

NAMES = ("results", "replay", "control")
CLASSES = ("background", "crack", "fray")
STAGES_MS = {"grab": 5.0, "run": 7.0, "segment": 8.0, "judge": 0.4}
REASONS = {Verdict.PASS: Reason.OK, Verdict.REJECT: Reason.DEFECT, Verdict.NO_DECISION: Reason.FRAME_TIMEOUT}


class MonitoredStation:
    """`with MonitoredStation(folder) as station`: READY; a second one in the same folder is a restart."""

    def __init__(self, folder: Path, model: str = "ab", **tables: dict[str, Any]) -> None:
        self.folder, self.endpoints = folder, {name: f"ipc://{folder}/{name}" for name in NAMES}
        settings: dict[str, Any] = {
            "recipe": str(ROOT / "config/recipes/magnetic_tile.toml"),
            "station": {"line": "line1", "name": "cam1", "state_dir": str(folder / "state")},
            "camera": {"driver": "folder", "path": str(ROOT / "config/sample_tiles")},
            "trigger": {"mode": "software", "min_pitch_ms": 10, "deadline_ms": 20_000},
            "calibration": {"x_mm_per_px": 0.1, "y_mm_per_px": 0.1},
            "model": {"path": str(ROOT / "models/magnetic_tile.onnx"), "provider": "cpu"},
            "publisher": self.endpoints,
            "journal": {"wait_ms": 250},
        }
        path = folder / "station.toml"
        path.write_text(to_toml(settings | tables))
        self.config = load_config(path)
        recipes = {1: ("tile", "cd" * 32)}
        self._identity = Identity("line1", "cam1", 7, Setup(model * 32, recipes, CLASSES, "int8"), True)

    def __enter__(self) -> Self:
        with Ending() as opened:
            self.records = Records(self.config, self._identity, opened)
            idle = Health((Stage("loop", 1e6),))
            self.link = StandaloneLink(7, 1, 20_000, self.records.journal, idle, str, raised=self.records.raised)
            opened.closes(self.link)
            self.records.serve(self.link, lambda sha256, who: "")
            self.link.set_ready()
            self._triggers = self.link.triggers(threading.Event())
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def see(self, parts: int = 1, verdict: Verdict = Verdict.PASS, grey: float = 120.0, defect: str = "crack") -> None:
        """So many parts, alike but for a trifle."""
        for number in range(parts):
            assert self.link.announce(time.monotonic_ns())
            trigger = next(self._triggers)
            assert trigger
            found = Defect(defect, 0.9, 1.0, 2.0, 3.0, 4.0, counts=True)
            defects = (found,) if verdict is Verdict.REJECT else ()
            peaks = dict.fromkeys(CLASSES[1:], 0.1)
            judgement = Judgement(verdict, REASONS[verdict], defects, peak_scores=peaks, margin=0.4)
            stats = FrameStats(grey + number % 3, 300.0 + number % 7)
            now_ns = time.monotonic_ns()
            evidence = Inspection(trigger, judgement, STAGES_MS, now_ns, frame_stats=stats)
            self.link.deliver(Decision(trigger, verdict, REASONS[verdict], now_ns, evidence=evidence))

    def events(self, *kinds: str) -> list[tuple[str, str]]:
        """(what, detail) of those in the journal, oldest first."""
        with sqlite3.connect(self.folder / "state" / "journal.sqlite") as journal:
            rows = journal.execute("SELECT kind, what, detail FROM events ORDER BY event_id").fetchall()
        return [(what, detail) for kind, what, detail in rows if kind in kinds]
