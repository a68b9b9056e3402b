"""How long each stage of the deadline path took."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from datetime import datetime
from math import ceil

import numpy as np

from agent.inspection import STAGES
from agent.journal.rows import TOTAL_MS, WRITE_MS
from agent.report.figures import Latency
from agent.report.tallies import DURING
from agent.utc import utc_span

SAMPLE = 20_000
"""So many parts say what 99 of 100 took; to read what each of them took would cost more than all the rest."""


def read_latencies(journal: sqlite3.Connection, begins: datetime, ends: datetime) -> tuple[int, list[Latency]]:
    """(parts looked at, their stages): all parts, or up to SAMPLE of them, evenly spread."""
    (count,) = journal.execute(f"SELECT count(*) FROM inspections WHERE {DURING}", utc_span(begins, ends)).fetchone()
    looked_at, times_ms = 0, defaultdict(list)
    rows = journal.execute(
        f"SELECT evidence -> '$.latencies_ms', {WRITE_MS}, {TOTAL_MS} FROM inspections "
        f"WHERE {DURING} AND message_id % ? = 0 AND completed AND kind = 'inspection'",
        (*utc_span(begins, ends), max(1, ceil(count / SAMPLE))),
    )
    for stages, write_ms, total_ms in rows:
        looked_at += 1
        for stage, value_ms in json.loads(stages or "{}").items():
            times_ms[stage].append(value_ms)
        if write_ms is not None:
            times_ms["write"].append(write_ms)
            times_ms["total"].append(total_ms)
    return looked_at, [_figures(stage, times_ms[stage]) for stage in STAGES if stage in times_ms]


def _figures(stage: str, values_ms: list[float]) -> Latency:
    median_ms, p99_ms, max_ms = (round(float(value), 3) for value in np.percentile(values_ms, [50, 99, 100]))
    return Latency(stage=stage, median_ms=median_ms, p99_ms=p99_ms, max_ms=max_ms, n=len(values_ms))
