"""Stations' files for the doctor's tests, and looking at them one group of checks at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agent.config import load_config
from agent.doctor.subject import Subject
from agent.finding import Finding
from agent.local_line import free_port, to_toml
from tests.conftest import ROOT

Group = Callable[[Subject], Iterator[Finding]]


def station(folder: Path, model: Path, **changes: dict[str, Any]) -> Path:
    """A station without a PLC that takes a photo of a folder each second; `changes` by table."""
    settings: dict[str, Any] = {
        "recipe": str(ROOT / "config" / "recipes" / "magnetic_tile.toml"),
        "station": {"line": "line1", "name": "bench1", "state_dir": str(folder / "state")},
        "camera": {"driver": "folder", "path": str(ROOT / "config" / "sample_tiles")},
        "trigger": {"mode": "timer", "period_ms": 1000, "min_pitch_ms": 200, "frame_timeout_ms": 2000},
        "calibration": {"x_mm_per_px": 0.1, "y_mm_per_px": 0.1},
        "model": {"path": str(model), "provider": "cpu", "threads": 1},
        "publisher": {name: f"tcp://127.0.0.1:{free_port()}" for name in ("results", "replay", "control")},
    }
    for table, keys in changes.items():
        settings[table] = settings.get(table, {}) | keys
    path = folder / "station.toml"
    path.write_text(to_toml({key: value for key, value in settings.items() if value}))
    return path


def with_plc(folder: Path, model: Path, port: int, **plc: Any) -> Path:
    """The same with a PLC that announces the parts."""
    path = station(folder, model, plc={"host": "127.0.0.1", "port": port, "scan_ms": 5, "guard_ms": 25} | plc)
    text = path.read_text().replace('mode = "timer"\nperiod_ms = 1000\n', 'mode = "announced"\n')
    path.write_text(text)
    return path


def with_stream(path: Path, source: str) -> Path:
    """Its camera is a device or a URL instead; `path` is written anew."""
    of_folder = f'driver = "folder"\npath = "{ROOT / "config" / "sample_tiles"}"'
    text = path.read_text()
    assert of_folder in text
    path.write_text(text.replace(of_folder, f'driver = "opencv"\nlatency_ms = 50\nsource = "{source}"'))
    return path


def subject(path: Path, pid: int | None = None, seconds: float = 0.3) -> Subject:
    """As the examination begins."""
    return Subject(load_config(path), path, seconds, pid)


def found(group: Group, of: Subject) -> dict[str, Finding]:
    """Its findings by what they are about."""
    return {finding.subject: finding for finding in group(of)}
