"""A decision as the row of the journal's table that it becomes."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import Any

from agent.identity import Identity
from agent.inspection import Verdict
from agent.plc.decision import Closed, Decision
from agent.utc import utc_of

_COLUMNS = (
    *("kind", "plc_epoch", "agent_epoch", "trigger_seq", "part_id", "triggered_ns", "decided_ns", "decided_utc"),
    *("verdict", "reason", "detail", "evidence", "margin", "mean_grey", "sharpness", "bypass", "challenge"),
    *("fail_open", "model_sha256", "recipe", "recipe_sha256", "job", "simulated"),
)
INSERT = f"INSERT INTO inspections ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + c for c in _COLUMNS)})"
COMPLETE_AT_ONCE = (
    f"INSERT INTO inspections (completed, {', '.join(_COLUMNS)}) VALUES (1, {', '.join(':' + c for c in _COLUMNS)}) "
    "RETURNING *"
)

_COMPLETED = (
    *("evidence", "margin", "mean_grey", "sharpness", "verdict", "reason"),
    *("acknowledged_ns", "in_time", "plc_action", "late_verdict", "bypass"),
)
_ASSIGNED = ", ".join(f"{column} = :{column}" for column in _COMPLETED)
COMPLETE = f"UPDATE inspections SET completed = 1, {_ASSIGNED} WHERE message_id = :message_id RETURNING *"

BEFORE_OPEN = (
    "message_id < (SELECT coalesce(min(message_id), 9223372036854775807) FROM inspections WHERE completed = 0)"
)
"""The rows up to the first that is still open: behind it they may be out of order yet."""
WRITE_MS, TOTAL_MS = (f"(acknowledged_ns - {since}) / 1000 / 1000.0" for since in ("decided_ns", "triggered_ns"))
"""The stages that end at the PLC, in whole µs: verdict → write acknowledged, and the whole way from the photo-eye."""


def decision_row(identity: Identity, decision: Decision) -> dict[str, Any]:
    """The decision itself, and whose it is: what must be on disk before the verdict goes out. The rest comes later."""
    trigger = decision.trigger
    setup = trigger.setup or identity.setup
    job = trigger.job or next(iter(setup.recipes))
    recipe, recipe_sha256 = setup.recipes[job]
    ago_ns = time.monotonic_ns() - decision.settled_ns
    return {
        "evidence": "{}",
        "margin": None,
        "mean_grey": None,
        "sharpness": None,
        "kind": "inspection",
        "plc_epoch": trigger.plc_epoch,
        "agent_epoch": identity.agent_epoch,
        "trigger_seq": trigger.seq,
        "part_id": trigger.part_id,
        "triggered_ns": trigger.latest_ns,
        "decided_ns": decision.settled_ns,
        "decided_utc": utc_of(time.time_ns() - ago_ns),
        "verdict": decision.verdict.value,
        "reason": decision.reason.name.lower(),
        "detail": decision.detail,
        "bypass": trigger.bypass,
        "challenge": trigger.challenge,
        "fail_open": identity.fail_open,
        "model_sha256": setup.model_sha256,
        "recipe": recipe,
        "recipe_sha256": recipe_sha256,
        "job": job,
        "simulated": identity.simulated,
    }


def completion(closed: Closed) -> dict[str, Any]:
    """The columns that are known once the part has ended, and what was seen of it, however late."""
    return seen_columns(closed.decision) | {
        "verdict": closed.verdict.value,
        "reason": closed.reason.name.lower(),
        "acknowledged_ns": closed.acknowledged_ns,
        "in_time": closed.in_time,
        "plc_action": closed.plc_action.value,
        "late_verdict": closed.late_verdict.value if closed.late_verdict else None,
        "bypass": closed.bypass,
    }


def seen_columns(decision: Decision) -> dict[str, Any]:
    """What was seen; of a part without a decision no defects: nothing is known about it."""
    seen = decision.evidence
    if seen is None:
        return {"evidence": "{}", "margin": None, "mean_grey": None, "sharpness": None}
    judged, stats = decision.verdict is not Verdict.NO_DECISION, seen.frame_stats
    evidence: dict[str, Any] = {"latencies_ms": {name: round(value, 3) for name, value in seen.stages_ms.items()}}
    if judged:
        evidence["defects"] = [asdict(defect) for defect in seen.judgement.defects]
        evidence["peak_scores"] = seen.judgement.peak_scores
    return {
        "evidence": json.dumps(evidence),
        "margin": _short(seen.judgement.margin) if judged else None,
        "mean_grey": _short(stats.mean_grey) if stats else None,
        "sharpness": _short(stats.sharpness) if stats else None,
    }


def _short(value: float | None) -> float | None:
    """With no more digits than SQLite writes out: a replay says the same as the live message."""
    return None if value is None else round(value, 6)


def without_images(closed: Closed) -> Closed:
    """The same end of the same part; its photo and mask may be forgotten."""
    seen = closed.decision.evidence
    if seen is None:
        return closed
    return replace(closed, decision=replace(closed.decision, evidence=replace(seen, frame=None, mask=None)))
