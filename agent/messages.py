"""What travels over ZeroMQ: header models of schema major 1. Minor = additive only; major = new topic.

Readers ignore fields they do not know; writers write none that are not here. A message is
`[topic, header JSON, payload…]`; the header's `parts` name the payload frames in order.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.in_yield import Standing, standing

MAJOR = 1
GREATEST_ID = 2**63 - 1
"""The journal's database counts so far."""


def _schema(newest: str) -> Any:
    """The version that is written; one of a newer minor version is read as well, as it only adds."""
    name, _ = newest.rsplit("/", 1)
    return Field(default=newest, alias="schema", pattern=rf"^{re.escape(name)}/{MAJOR}\.[0-9]+$")


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

    name: Literal["frame", "class_map", "mask"]
    """mask: class index in the frame's pixels, 0 = none; class_map, of stations before 1.2: unthresholded."""
    mime: Literal["image/jpeg", "image/png"]
    nbytes: int


class ResultMessage(_Header):
    """One trigger's completed row: the decision and what the PLC did. `*_ns` are CLOCK_MONOTONIC."""

    schema_: str = _schema("insp.result/1.2")
    message_id: int
    kind: Literal["inspection", "gap"]
    """gap: the PLC, or a station without one, began a new epoch; how many parts passed meanwhile is not known.

    With reason journal: `detail` says how many parts have no row, as the disk took none for too long.
    """
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
    margin: float | None = None
    """How far the class nearest to its threshold is from it; near 0 = uncertain. None: nothing was judged.

    By the score that as many pixels reach as the rule's area asks for: a speck too small to count makes none uncertain.
    """
    mean_grey: float | None = None
    sharpness: float | None = None
    """Of the photo, as the recipe's limits have it; None: no photo, or not measured."""
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

    @property
    def standing(self) -> Standing:
        """Does it count in the yield, or why not?"""
        return standing(self.kind, self.challenge, self.bypass)

    @property
    def counting(self) -> list[DefectRecord]:
        """The defects that count."""
        return [defect for defect in self.defects if defect.counts]


class EventMessage(_Header):
    """Something to know beside the parts: an operator's command, an alarm, a drift, a start. None is ever changed."""

    schema_: str = _schema("insp.event/1.0")
    event_id: int
    """The journal's, never reused; counted apart from message_id."""
    line: str
    station: str
    agent_epoch: int
    utc: str
    kind: str
    """start, stop, command, alarm, drift, journal, archive …"""
    what: str
    """In one word: pause, DRIFT, EVIDENCE …"""
    who: str = ""
    """The person who gave the command."""
    detail: str = ""


class Upkeep(BaseModel):
    """How the station gets on with everything beside the parts, since its start."""

    model_config = ConfigDict(extra="ignore")

    rows_waiting: int = 0
    """Decisions that are not on disk yet, now."""
    journal_trouble: str = ""
    """Why, if the disk does not take them."""
    live_waiting: int = 0
    """Live messages that are not sent yet, now."""
    live_dropped: int = 0
    """Live messages that nobody was sent: the queue was full. A replay has them."""
    clients_refused: int = 0
    """Connections without a key that is known here."""
    clients_put_out: int = 0
    """Connections that were cut: they sent more than a client has to say, or were too many."""
    replays_dropped: int = 0
    """Requests for a replay without an answer: their client had not read the one before."""
    archive_waiting: int = 0
    archive_kept: int = 0
    archive_dropped: int = 0
    """Images that should have been kept: the disk was full, or too slow."""
    archive_trouble: str = ""
    paused_by: str = ""
    """Who has paused the station; "" = nobody."""
    drifting: list[str] = []
    """Figures outside their control limits."""
    drift_learning_parts: int = 0
    """From so many more parts is learnt what is usual; until then no drift is noticed."""


class StatusMessage(_Header):
    """The station's pulse, once a second."""

    schema_: str = _schema("insp.status/1.3")
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
    last_event_id: int = 0
    upkeep: Upkeep = Upkeep()


class _Request(_Header):
    """A field that is not known is refused: passed over, it would bring something else than was asked for."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ReplayRequest(_Request):
    """Asks the ROUTER endpoint for completed rows, oldest first: those that meet all that is given."""

    schema_: str = _schema("insp.replay/1.1")
    kind: Literal["result", "event"] = "result"
    since: int = Field(default=0, ge=0, le=GREATEST_ID)
    """After this message_id (kind event: event_id)."""
    from_utc: str | None = None
    to_utc: str | None = None
    """Decided (kind event: happened) at or after the first time, and before the second; ISO 8601 with its offset."""
    last: int | None = Field(default=None, ge=1, le=1000)
    """The newest so many of them."""
    limit: int = Field(default=500, ge=1, le=1000)


class ReplayReply(_Header):
    """Header of the answer; `count` ResultMessage (kind event: EventMessage) frames follow it."""

    schema_: str = _schema("insp.history/1.0")
    first_message_id: int
    """Where the history starts: what lies before it has been deleted (0 = nothing recorded). Kind event: event_id."""
    last_message_id: int
    count: int
    error: str = ""


class ControlRequest(_Request):
    """A command to the station's control endpoint, a ROUTER."""

    schema_: str = _schema("insp.control/1.1")
    command: str
    argument: str = ""
    who: str = Field(min_length=1)
    """Whoever gives it: it is written down. `argument`: for job, the recipe's number or name; for model, its sha256."""


class ControlReply(_Header):
    """Its answer."""

    schema_: str = _schema("insp.controlled/1.3")
    line: str = ""
    station: str = ""
    error: str = ""
    """Why that station ('': one before 1.3) has refused it; '' = done."""
    plc_epoch: int | None = None
    """With `trigger_seq` and `part_id`: the part that the command has made; its result carries the same."""
    trigger_seq: int | None = None
    part_id: int | None = None
    detail: str = ""
    """What was done, for a person."""
    parts: list[PayloadPart] = []
    """snapshot: the payload frames behind the header."""


def topic(line: str, station: str, kind: str) -> str:
    """`insp/<major>/<line>/<station>/<kind>/`: the closing slash keeps line1 from matching line10."""
    return f"insp/{MAJOR}/{line}/{station}/{kind}/"
