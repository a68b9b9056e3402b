"""A journal as a busy line would have written it: for measurements, and for looking at a report of real size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from agent.inspection import Reason
from agent.journal.file import open_writer

RATE_PER_S = 20.0
REJECTS, NO_DECISIONS = 0.08, 0.01
CLASSES = {"blowhole": 0.46, "crack": 0.24, "break": 0.16, "fray": 0.09, "uneven": 0.05}
"""How often each is the defect of a reject."""
WHY_NOT = {Reason.FRAME_TIMEOUT: 0.5, Reason.FRAME_QUALITY: 0.3, Reason.DEADLINE: 0.15, Reason.PLC_LINK: 0.05}
STAGES_MS = {"grab": 12.0, "segment": 9.0, "run": 8.2, "judge": 0.25}
ACTIONS = {"pass": "passed", "reject": "rejected", "no_decision": "rejected_no_decision"}
OUTAGE_EVERY, OUTAGE_PARTS = 200_000, 40
CHALLENGE_EVERY = 50_000
BATCH = 10_000
SIDE_MM = 25.6

Row = dict[str, Any]
Choice = TypeVar("Choice")


def make_history(
    path: Path, rows: int, ends: datetime | None = None, seed: int = 1, progress: Callable[[int], None] = lambda _: None
) -> None:
    """Write a new journal of `rows` completed parts at 20/s, the newest at `ends` (default: now).

    About 8 % rejects with 1 to 5 defects and 1 % no-decisions; now and then an outage and a challenge part.
    `progress` hears how many rows there are so far. Not for a file that exists: nothing here is waited for or synced.
    """
    ends = ends or datetime.now(UTC)
    random = np.random.default_rng(seed)
    db = open_writer(path)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA wal_autocheckpoint = 1000")
    for first in range(0, rows, BATCH):
        made = list(_rows(random, first, min(BATCH, rows - first), ends - timedelta(seconds=rows / RATE_PER_S)))
        columns = ", ".join(made[0])
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO inspections ({columns}) VALUES ({', '.join(':' + c for c in made[0])})", made)
        db.executemany(
            "INSERT INTO events (agent_epoch, utc, kind, what, who, detail) VALUES (?, ?, ?, ?, ?, ?)", _events(made)
        )
        db.execute("COMMIT")
        progress(first + len(made))
    db.close()


def _rows(random: np.random.Generator, first: int, count: int, begins: datetime) -> Iterator[Row]:
    chance = random.random(count)
    jitter = random.lognormal(0, 0.12, (count, len(STAGES_MS)))
    peaks = np.round(random.beta(1, 12, (count, len(CLASSES))), 3)
    grey, sharpness = random.normal(128, 3, count), random.normal(70, 6, count)
    now_ns = time.monotonic_ns()
    for index in range(count):
        number = first + index
        verdict, reason = _decided(random, number, float(chance[index]))
        epoch = 1 + number // OUTAGE_EVERY
        stages = {name: round(ms * jitter[index, at], 3) for at, (name, ms) in enumerate(STAGES_MS.items())}
        seen, judged = reason is not Reason.AGENT_DOWN, verdict != "no_decision"
        evidence: Row = {"latencies_ms": stages} if seen else {}
        if judged:
            evidence["defects"] = _defects(random) if verdict == "reject" else []
            evidence["peak_scores"] = dict(zip(CLASSES, peaks[index].tolist(), strict=True))
        decided_ns = now_ns + int(number * 1e9 / RATE_PER_S)
        yield {
            "kind": "inspection",
            "plc_epoch": 1,
            "agent_epoch": epoch,
            "trigger_seq": number % 65_535 + 1,
            "part_id": number + 1,
            "triggered_ns": decided_ns - int(50e6 + stages["segment"] * 1e6) if seen else 0,
            "decided_ns": decided_ns,
            "decided_utc": (begins + timedelta(seconds=number / RATE_PER_S)).isoformat(timespec="milliseconds"),
            "verdict": verdict,
            "reason": reason.name.lower(),
            "detail": "" if judged else "made for a measurement",
            "evidence": json.dumps(evidence),
            "margin": round(float(chance[index]) / 2, 3) if judged else None,
            "mean_grey": float(grey[index]) if judged else None,
            "sharpness": float(sharpness[index]) if judged else None,
            "bypass": False,
            "challenge": reason is Reason.CHALLENGE_REJECTED,
            "fail_open": False,
            "model_sha256": "ab" * 32,
            "recipe": "magnetic_tile",
            "recipe_sha256": "cd" * 32,
            "job": 1,
            "simulated": True,
            "completed": True,
            "acknowledged_ns": decided_ns + int(jitter[index, 0] * 1.2e6) if seen else None,
            "in_time": True if seen else None,
            "plc_action": ACTIONS[verdict] if seen else "unknown",
            "late_verdict": "pass" if reason is Reason.DEADLINE else None,
        }


def _decided(random: np.random.Generator, number: int, chance: float) -> tuple[str, Reason]:
    """Verdict and reason of part `number`; rejects come and go with the hours."""
    if number % OUTAGE_EVERY < OUTAGE_PARTS and number >= OUTAGE_EVERY:
        return "no_decision", Reason.AGENT_DOWN
    if number % CHALLENGE_EVERY == CHALLENGE_EVERY - 1:
        return "reject", Reason.CHALLENGE_REJECTED
    if chance < NO_DECISIONS:
        return "no_decision", _one_of(random, WHY_NOT)
    if chance < NO_DECISIONS + REJECTS * (1 + 0.4 * np.sin(number / 90_000)):
        return "reject", Reason.DEFECT
    return "pass", Reason.OK


def _defects(random: np.random.Generator) -> list[Row]:
    """One to five, mostly near one edge of the part."""
    return [
        {
            "name": _one_of(random, CLASSES),
            "score": round(random.uniform(0.6, 1.0), 3),
            "area_mm2": round(random.lognormal(0.0, 1.0), 3),
            "length_mm": round(random.lognormal(0.5, 0.6), 3),
            "x_mm": round(SIDE_MM * random.beta(2, 5), 3),
            "y_mm": round(SIDE_MM * random.beta(2, 2), 3),
            "counts": number == 0 or random.random() < 0.7,
        }
        for number in range(min(5, int(random.geometric(0.55))))
    ]


def _one_of(random: np.random.Generator, shares: dict[Choice, float]) -> Choice:
    return list(shares)[int(np.searchsorted(np.cumsum(list(shares.values())), random.random()))]


def _events(rows: list[Row]) -> Iterator[tuple[int, str, str, str, str, str]]:
    """A start after each outage."""
    for before, row in pairwise(rows):
        if before["reason"] == "agent_down" != row["reason"]:
            yield row["agent_epoch"], row["decided_utc"], "start", "READY", "", ""
