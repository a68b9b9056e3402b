"""What a report says, as its JSON has it: minor versions only add. Shares are 0 to 1, times ISO 8601 with their offset.

Escapes are not among it: which bad parts have passed, no station knows.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class PeriodFigures(BaseModel):
    """Times are local, of `time_zone`."""

    shift: str | None
    """None: any two times."""
    day: date | None
    """The one on which the shift begins."""
    begins: datetime
    ends: datetime
    finished: bool
    """False: it still runs, and the figures are of what was until now."""
    time_zone: str


class Counts(BaseModel):
    """`parts` = `passed` + `rejected` + `no_decision`."""

    parts: int = 0
    passed: int = 0
    rejected: int = 0
    no_decision: int = 0


class Parts(BaseModel):
    """All parts announced, and which of them say something of the product."""

    all: Counts = Counts()
    bypassed: Counts = Counts()
    """The PLC let everything pass: out of yield."""
    challenges: Counts = Counts()
    """Known bad parts sent through to test the station: out of yield …"""
    challenges_missed: int = 0
    """… and those of them that it would have let pass."""
    counted: Counts = Counts()
    """All others."""
    yield_rate: float | None = None
    """Of `counted`, the share that passed; None: there were none."""
    reject_rate: float | None = None
    no_decision_rate: float | None = None
    gaps: int = 0
    """Beginnings after which nobody knows how many parts had passed unseen."""
    fail_open: int = 0
    """Of `all`, inspected while a dead wire would have let a part pass."""
    simulated: int = 0
    unfinished: int = 0
    """Decided, and what the PLC does with them not known yet: in no other figure."""


class ClassFigures(BaseModel):
    """One defect class over the rejects in yield; only defects that met their rule."""

    name: str
    parts: int
    """Rejects with at least one of them."""
    share: float
    """Of all rejects."""
    cumulative: float
    """Share of rejects that have this class or one above it."""
    defects: int
    median_area_mm2: float
    worst_area_mm2: float


class HeatMap(BaseModel):
    """How many counting defects of the rejects in yield lie in which cell of the part."""

    x_mm: float
    y_mm: float
    """Upper left corner …"""
    cell_mm: float
    """… and side of a cell; x grows to the right, y downward."""
    columns: int
    rows: int
    by_class: dict[str, list[list[int]]]
    """A list of rows for each class."""

    @property
    def all(self) -> list[list[int]]:
        """All classes together."""
        layers = list(self.by_class.values())
        return [[sum(cells) for cells in zip(*rows, strict=True)] for rows in zip(*layers, strict=True)]


class Latency(BaseModel):
    """One stage of the deadline path, in ms."""

    stage: str
    median_ms: float
    p99_ms: float
    max_ms: float
    n: int


class Latencies(BaseModel):
    """Measured on parts evenly spread over the period."""

    parts_looked_at: int
    stages: list[Latency]
    acknowledged_late: int
    """Of all parts: the PLC had the verdict after the part's deadline."""
    decided_late: int
    """Of all parts: a verdict came after NO_DECISION had been given."""


class ReasonFigures(BaseModel):
    """Why parts in yield did not pass."""

    verdict: Literal["reject", "no_decision"]
    reason: str
    parts: int
    share: float
    """Of those with the same verdict."""


class PlcFigures(BaseModel):
    """What the PLC did with the parts of one verdict, whatever else is said of them."""

    verdict: Literal["pass", "reject", "no_decision"]
    action: str
    parts: int


class Outage(BaseModel):
    """No agent was running, or PLC or link began anew."""

    kind: Literal["agent_down", "gap"]
    begins: datetime | None
    """The newest row before it; None: there is none."""
    ends: datetime
    parts: int | None
    """None for a gap: nobody knows."""


class Happening(BaseModel):
    """An event of the journal."""

    time: datetime
    kind: str
    what: str
    who: str
    detail: str


class Bucket(BaseModel):
    """A stretch of the period; parts in yield."""

    begins: datetime
    ends: datetime
    counts: Counts
    yield_rate: float | None = None
    reject_rate: float | None = None
    lower_limit: float | None = None
    upper_limit: float | None = None
    """Control limits of the reject rate: 3 sigma of Laney's p' chart, as chance alone is too narrow for large n."""
    beyond_limits: bool = False


class Used(BaseModel):
    """A model and a recipe, and how many parts were judged by them."""

    model_sha256: str
    recipe: str
    recipe_sha256: str
    job: int
    parts: int


class Picture(BaseModel):
    """A reject or a part without a decision whose image the archive has."""

    message_id: int
    time: datetime
    part_id: int
    verdict: Literal["reject", "no_decision"]
    reason: str
    defects: list[str]
    """'crack 3.2 mm²', the largest first."""
    photo: str
    """Its path."""
    mask: str | None
    mask_classes: list[str]
    """Class names by the index in the mask; 0 = background."""


class Report(BaseModel):
    """Everything about one period of one station."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Literal["linegate.report/1.0"] = Field(default="linegate.report/1.0", alias="schema")
    line: str
    station: str
    made: datetime
    journal: str
    period: PeriodFigures
    parts: Parts
    before: PeriodFigures
    """The shift before, or as long a time …"""
    parts_before: Parts
    """… and what came of it."""
    classes: list[ClassFigures]
    heat_map: HeatMap | None
    """None: no defects."""
    latencies: Latencies
    reasons: list[ReasonFigures]
    plc: list[PlcFigures]
    passed_unproven: int
    """Passed by the PLC without a PASS, and not by BYPASS; a challenge part counts even then."""
    outages: list[Outage]
    happenings: list[Happening]
    """The newest …"""
    happenings_in_all: int
    """… of so many."""
    trend: list[Bucket]
    used: list[Used]
    pictures: list[Picture]
    pictures_missing: str
    """Why there are none; "" = there are, or nothing to show."""


def json_schema() -> dict[str, Any]:
    """The committed JSON Schema of a report."""
    return Report.model_json_schema(by_alias=True)
