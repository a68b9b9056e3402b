"""The journal as a table for analysts: one row a part, typed columns, in pieces, so that any length fits in memory.

Column names are those of the messages; a latency is `<stage>_ms`, in milliseconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from agent.errors import ConfigError
from agent.extras import how_to_install
from agent.inspection import STAGES
from agent.journal.history import Senseless, reading
from agent.journal.rows import TOTAL_MS, WRITE_MS
from agent.new_file import new_file
from agent.utc import utc_span

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    pa = pq = None

PIECE_ROWS = 20_000
"""In one read of the journal, and in one row group."""
DEFECT_FIGURES = ("score", "area_mm2", "length_mm", "x_mm", "y_mm")


def export_parquet(
    journal_path: Path,
    out: Path,
    station: tuple[str, str],
    begins: datetime | None,
    ends: datetime | None,
    progress: Callable[[int], None],
) -> int:
    """Write the completed rows decided from `begins` and before `ends`, by message_id; how many there were.

    `station`: (line, name). `progress` hears how many there are so far. Raises UsageError, ConfigError or Fault.
    """
    if pa is None:
        raise ConfigError(f"--parquet needs pyarrow, which is not installed: {how_to_install('parquet')}")
    schema, written = _schema(), 0
    with (
        reading(journal_path) as journal,
        new_file("--parquet", out) as unfinished,
        pq.ParquetWriter(unfinished, schema, compression="zstd") as writer,
    ):
        for rows in _pieces(journal, begins, ends):
            writer.write_table(_understood(rows, station, schema))
            written += len(rows)
            progress(written)
    return written


def _pieces(journal: sqlite3.Connection, begins: datetime | None, ends: datetime | None) -> Iterator[list[sqlite3.Row]]:
    """Each is a read of its own: a long one would let the writer's log of changes grow."""
    seen, during = 0, utc_span(begins, ends)
    while rows := journal.execute(
        f"SELECT *, {WRITE_MS} AS write_ms, {TOTAL_MS} AS total_ms FROM inspections NOT INDEXED "
        "WHERE message_id > ? AND completed AND decided_utc >= ? AND decided_utc < ? ORDER BY message_id LIMIT ?",
        (seen, *during, PIECE_ROWS),
    ).fetchall():
        yield rows
        seen = rows[-1]["message_id"]


def _schema() -> Any:
    """Of every piece."""
    word, flag, long = pa.dictionary(pa.int32(), pa.string()), pa.bool_(), pa.int64()
    defect = [("name", pa.string()), *((name, pa.float32()) for name in DEFECT_FIGURES), ("counts", flag)]
    return pa.schema([
        ("message_id", long), ("kind", word), ("line", word), ("station", word),
        ("decided_utc", pa.timestamp("ms", "UTC")),
        ("plc_epoch", pa.int32()), ("agent_epoch", pa.int32()), ("trigger_seq", pa.int32()), ("part_id", long),
        ("verdict", word), ("reason", word), ("detail", pa.string()),
        ("plc_action", word), ("late_verdict", word), ("in_time", flag),
        ("bypass", flag), ("challenge", flag), ("fail_open", flag), ("simulated", flag),
        ("defects", pa.list_(pa.struct(defect))), ("peak_scores", pa.map_(pa.string(), pa.float32())),
        ("margin", pa.float32()), ("mean_grey", pa.float32()), ("sharpness", pa.float32()),
        *((f"{stage}_ms", pa.float32()) for stage in STAGES),
        ("triggered_ns", long), ("decided_ns", long), ("acknowledged_ns", long),
        ("model_sha256", word), ("recipe", word), ("recipe_sha256", word), ("job", pa.int32()),
    ])  # fmt: skip


def _understood(rows: list[sqlite3.Row], station: tuple[str, str], schema: Any) -> Any:
    try:
        return _table(rows, station, schema)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        first, last = rows[0]["message_id"], rows[-1]["message_id"]
        raise Senseless(f"between message_id {first} and {last} is what no station writes") from error


def _table(rows: list[sqlite3.Row], station: tuple[str, str], schema: Any) -> Any:
    columns = dict(zip(rows[0].keys(), zip(*rows, strict=True), strict=True))
    seen = [from_json(evidence) for evidence in columns["evidence"]]
    made = {
        **{f"{stage}_ms": [found.get("latencies_ms", {}).get(stage) for found in seen] for stage in STAGES},
        **columns,
        "line": [station[0]] * len(rows),
        "station": [station[1]] * len(rows),
        "defects": [found.get("defects") for found in seen],  # null: nothing was judged
        "peak_scores": [list(found["peak_scores"].items()) if "peak_scores" in found else None for found in seen],
    }
    return pa.table([_array(made[field.name], field.type) for field in schema], schema=schema)


def _array(values: Any, kind: Any) -> Any:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.string()).cast(kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode()
    if pa.types.is_boolean(kind):
        return pa.array(values, pa.int8()).cast(kind)
    return pa.array(values, kind)
