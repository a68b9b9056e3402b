"""Rows as the messages that a replay sends, made by SQLite itself.

A thousand of them take some ms in which no other thread of the station waits for the interpreter; made in Python
they would hold it all that time. They say the same as the live ones, from `to_message` and `to_event_message`.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any, get_args

from pydantic import BaseModel

from agent.journal.history import SELECT_BY_IDS, requested_ids
from agent.journal.rows import TOTAL_MS, WRITE_MS
from agent.messages import EventMessage, ReplayRequest, ResultMessage

_RESULT = {
    "line": ":line",
    "station": ":station",
    "valid": "json(iif(verdict = 'no_decision', 'false', 'true'))",
    "defects": "json(coalesce(json_extract(evidence, '$.defects'), '[]'))",
    "peak_scores": "json(coalesce(json_extract(evidence, '$.peak_scores'), '{}'))",
    "latencies_ms": "json_patch(coalesce(json_extract(evidence, '$.latencies_ms'), '{}'), "
    f"json_object('write', {WRITE_MS}, 'total', {TOTAL_MS}))",  # a patch with null leaves the key out
    "parts": "json('[]')",
}
"""What is not simply a column."""
_EVENT = {"line": ":line", "station": ":station"}
_FLAG = "json(CASE {0} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE 'null' END)"


def replay(connection: sqlite3.Connection, request: ReplayRequest, line: str, station: str) -> list[bytes]:
    """The JSON of each message that `request` asks for, oldest first. Raises as `requested_ids`."""
    ids = requested_ids(connection, request)
    message, rows = (_EVENT_JSON if request.kind == "event" else _RESULT_JSON), SELECT_BY_IDS[request.kind]
    found = connection.execute(
        f"SELECT CAST(group_concat(message, char(10)) AS BLOB) FROM (SELECT {message} AS message FROM ({rows}))",
        {"ids": json.dumps(ids), "line": line, "station": station},
    ).fetchone()[0]
    return found.split(b"\n") if found else []  # within JSON a line's end is escaped


def _json_object(model: type[BaseModel], made: dict[str, str]) -> str:
    pairs = []
    for name, field in model.model_fields.items():
        if name == "schema_":
            pairs.append(f"'schema', '{field.default}'")
        elif name in made:
            pairs.append(f"'{name}', {made[name]}")
        else:
            pairs.append(f"'{name}', {_FLAG.format(name) if _is_flag(field.annotation) else name}")
    return f"json_object({', '.join(pairs)})"


def _is_flag(annotation: Any) -> bool:
    return annotation is bool or bool in get_args(annotation)


_RESULT_JSON, _EVENT_JSON = _json_object(ResultMessage, _RESULT), _json_object(EventMessage, _EVENT)
