"""What the doctor says, as its JSON has it: minor versions only add."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.finding import Finding, Level
from agent.spread import Spread

COLOURS = {Level.WRONG: "red", Level.DOUBTFUL: "yellow", Level.RIGHT: "green", Level.UNKNOWN: "not known"}


class Group(BaseModel):
    """Findings of one kind, in the order in which they were made."""

    name: str
    findings: list[Finding]


class Examined(BaseModel):
    """One station, looked at once."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Literal["linegate.doctor/1.0"] = Field(default="linegate.doctor/1.0", alias="schema")
    line: str
    station: str
    config: str
    made_utc: str
    took_s: float
    running: bool
    """The station ran: camera and PLC were left to it."""
    groups: list[Group]
    figures: dict[str, Spread | float]
    """What was measured, by name with its unit."""
    good: bool
    """No finding is wrong."""
    counts: dict[Level, int]


def count(groups: Iterable[Group]) -> dict[Level, int]:
    """Findings by level, all of them named."""
    found = Counter(finding.level for group in groups for finding in group.findings)
    return {level: found[level] for level in COLOURS}


def json_schema() -> dict[str, Any]:
    """The committed JSON Schema."""
    return Examined.model_json_schema(by_alias=True)
