"""Journals whose every row a test chooses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.config import Config, load_config
from agent.journal.file import open_writer
from tests.conftest import ROOT

Row = Mapping[str, Any]
BEGINS = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
"""14:00 in Berlin: the shift `late`."""
PLC_ACTIONS = {"pass": "passed", "reject": "rejected", "no_decision": "rejected_no_decision"}
REASONS = {"pass": "ok", "reject": "defect", "no_decision": "frame_timeout"}


def station(folder: Path, archive: str = "") -> Config:
    """The production example with its three shifts, its state in `folder`; `archive`: that table, if any."""
    text = (ROOT / "config" / "line.toml").read_text().replace("[archive]", archive or "[absent]")
    lines, kept = text.splitlines(), []
    skip = False
    for line in lines:
        skip = line.startswith("[absent]") or (skip and not line.startswith("["))
        kept.append("" if skip else line)
    text = "\n".join(kept).replace("/var/lib/linegate/line1", str(folder / "state"))
    for name in ("recipes/", "../models/"):
        text = text.replace(f'"{name}', f'"{ROOT / "config" / name}/')
    path = folder / "line.toml"
    path.write_text(text)
    return load_config(path)


def write_history(path: Path, *rows: Row) -> Path:
    """A journal at `path` with these rows, a second apart from BEGINS unless a row says otherwise."""
    journal = open_writer(path)
    with journal:
        for number, row in enumerate(rows):
            values = _filled(number, row)
            names = ", ".join(values)
            marks = ", ".join(f":{name}" for name in values)
            journal.execute(f"INSERT INTO inspections ({names}) VALUES ({marks})", values)
    journal.close()
    return path


def write_event(path: Path, kind: str, what: str, who: str = "", utc: datetime = BEGINS) -> None:
    """One event more."""
    journal = open_writer(path)
    moment = utc.isoformat(timespec="milliseconds")
    journal.execute(
        "INSERT INTO events (agent_epoch, utc, kind, what, who, detail) VALUES (1, ?, ?, ?, ?, '')",
        (moment, kind, what, who),
    )
    journal.close()


def defect(name: str, area_mm2: float = 1.0, x_mm: float = 5.0, y_mm: float = 5.0, counts: bool = True) -> Row:
    """One of a row's `defects`."""
    return {"name": name, "score": 0.9, "area_mm2": area_mm2, "length_mm": 1.0, "x_mm": x_mm, "y_mm": y_mm,
            "counts": counts}  # fmt: skip


def _filled(number: int, row: Row) -> dict[str, Any]:
    values = dict(row)
    verdict = values.setdefault("verdict", "pass")
    moment = values.pop("at", datetime.fromtimestamp(BEGINS.timestamp() + number, UTC))
    evidence: dict[str, Any] = {"latencies_ms": values.pop("latencies_ms", {"grab": 10.0, "run": 8.0})}
    if verdict != "no_decision":
        evidence |= {"defects": values.pop("defects", []), "peak_scores": {"crack": 0.1}}
    decided_ns = 1_000_000_000 * (number + 1)
    return {
        "kind": "inspection", "plc_epoch": 1, "agent_epoch": 1, "trigger_seq": number + 1, "part_id": 100 + number,
        "triggered_ns": decided_ns - 50_000_000, "decided_ns": decided_ns, "acknowledged_ns": decided_ns + 2_000_000,
        "decided_utc": moment.isoformat(timespec="milliseconds"), "reason": REASONS[verdict], "detail": "",
        "evidence": json.dumps(evidence), "bypass": 0, "challenge": 0, "fail_open": 0, "simulated": 0,
        "model_sha256": "ab" * 32, "recipe": "tile", "recipe_sha256": "cd" * 32, "job": 1,
        "completed": 1, "in_time": 1, "plc_action": PLC_ACTIONS[verdict], "late_verdict": None,
    } | values  # fmt: skip
