"""What travels over ZeroMQ: header models of schema major 1. Minor = additive only; major = new topic.

Readers ignore fields they do not know; writers write none that are not here. A message is
`[topic, header JSON, payload…]`; the header's `parts` name the payload frames in order.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MAJOR = 1


class _Header(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    def to_bytes(self) -> bytes:
        """The header as it goes on the wire."""
        return self.model_dump_json(by_alias=True).encode()


class DefectRecord(BaseModel):
    """One region, in the station's millimetres; `counts` = it met every limit of its rule."""

    name: str
    score: float
    area_mm2: float
    length_mm: float
    x_mm: float
    y_mm: float
    counts: bool


class PayloadPart(BaseModel):
    """One payload frame behind the header."""

    name: Literal["frame", "class_map"]
    mime: Literal["image/jpeg", "image/png"]
    nbytes: int


class ResultMessage(_Header):
    """One trigger's completed row: the decision and what the PLC did. `*_ns` are CLOCK_MONOTONIC."""

    schema_: Literal["insp.result/1.0", "insp.result/1.1"] = Field(default="insp.result/1.1", alias="schema")
    message_id: int
    kind: Literal["inspection", "gap"]
    """gap: the PLC, or a station without one, began a new epoch; how many parts passed meanwhile is not known."""
    line: str
    station: str
    plc_epoch: int
    agent_epoch: int
    trigger_seq: int
    part_id: int
    triggered_ns: int
    decided_ns: int
    decided_utc: str
    verdict: Literal["pass", "reject", "no_decision"]
    reason: str
    detail: str
    valid: bool
    """False for no_decision: nothing is known about the part."""
    defects: list[DefectRecord]
    peak_scores: dict[str, float]
    latencies_ms: dict[str, float]
    acknowledged_ns: int | None
    in_time: bool | None
    plc_action: Literal["passed", "rejected", "rejected_no_decision", "rejected_no_verdict", "unknown"]
    late_verdict: Literal["pass", "reject", "no_decision"] | None
    bypass: bool
    """The PLC let everything pass: out of yield, and no PASS of ours was needed."""
    challenge: bool = False
    """A part known to be bad, sent through to test the station: out of yield."""
    fail_open: bool = False
    """The arm is wired energise-to-reject: a dead wire would have let the part pass."""
    model_sha256: str
    recipe: str
    recipe_sha256: str
    job: int
    simulated: bool
    parts: list[PayloadPart] = []


class StatusMessage(_Header):
    """The station's pulse, once a second."""

    schema_: Literal["insp.status/1.0", "insp.status/1.1", "insp.status/1.2"] = Field(
        default="insp.status/1.2", alias="schema"
    )
    line: str
    station: str
    agent_epoch: int
    last_message_id: int
    """Newest completed row: a subscriber that has seen less has missed something."""
    utc: str
    plc_status: list[str] = []
    """The bits that stand in STATUS at the PLC: ONLINE, READY, BYPASSED …; without a PLC STANDALONE and READY."""
    alarms: list[str] = []
    """The alarms that nobody has cleared yet."""
    plc_write_gap_ms: float = 0.0
    """Longest time between two writes confirmed by the PLC, in the second before: each advances the heartbeat."""
    plc_torn_reads: int = 0
    """Reads of the PLC's block that were discarded since the station's start: torn, or older than one before."""
    inspected: int = 0
    """Parts whose photo was judged in time, since the station's start."""
    no_decisions: dict[str, int] = {}
    """How many parts since then were not, by reason: frame_timeout, frame_incomplete, frame_mismatch …"""
    unsolicited_frames: int = 0
    """Frames since then that belong to no part."""


class ReplayRequest(_Header):
    """Asks the ROUTER endpoint for completed rows after `since`, oldest first."""

    schema_: Literal["insp.replay/1.0"] = Field(default="insp.replay/1.0", alias="schema")
    since: int = Field(ge=0)
    limit: int = Field(default=500, ge=1, le=1000)


class ReplayReply(_Header):
    """Header of the answer; `count` ResultMessage frames follow it."""

    schema_: Literal["insp.history/1.0"] = Field(default="insp.history/1.0", alias="schema")
    first_message_id: int
    """Where the history starts: what lies before it has been deleted (0 = nothing recorded)."""
    last_message_id: int
    count: int
    error: str = ""


class ControlRequest(_Header):
    """A command to the station's REP endpoint."""

    schema_: Literal["insp.control/1.0"] = Field(default="insp.control/1.0", alias="schema")
    command: str
    who: str = Field(min_length=1)
    """Whoever gives it: it is written down."""


class ControlReply(_Header):
    """Its answer."""

    schema_: Literal["insp.controlled/1.0", "insp.controlled/1.1"] = Field(
        default="insp.controlled/1.1", alias="schema"
    )
    error: str = ""
    """Why it was refused; '' = done."""
    plc_epoch: int | None = None
    """With `trigger_seq` and `part_id`: the part that the command has made; its result carries the same."""
    trigger_seq: int | None = None
    part_id: int | None = None


SCHEMAS: dict[str, type[_Header]] = {
    "insp.result-1": ResultMessage,
    "insp.status-1": StatusMessage,
    "insp.replay-1": ReplayRequest,
    "insp.history-1": ReplayReply,
    "insp.control-1": ControlRequest,
    "insp.controlled-1": ControlReply,
}


def topic(line: str, station: str, kind: str) -> str:
    """`insp/<major>/<line>/<station>/<kind>/`: the closing slash keeps line1 from matching line10."""
    return f"insp/{MAJOR}/{line}/{station}/{kind}/"


def json_schema(name: str) -> dict[str, Any]:
    """The committed JSON Schema of one message."""
    return SCHEMAS[name].model_json_schema(by_alias=True)
