"""The acceptance report: one JSON file with everything, and a Markdown page to be signed that carries its sha256."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent.config import Config
from agent.plc.accept_result import Result, State
from agent.plc.finding import Spread
from agent.plc.register_map import MAP_ID

OBSERVATIONS = (
    ("b", "parts said PASS", "let through"),
    ("b", "parts said REJECT", "rejected by the arm"),
    ("b", "parts said NO_DECISION", "rejected by the arm"),
    ("c", "parts without a verdict", "rejected by the arm"),
    ("d", "parts with a forged PASS", "rejected by the arm"),
    ("e", "parts during heartbeat loss", "rejected by the arm, or the belt stands"),
    ("f", "parts during link loss", "rejected by the arm, or the belt stands"),
    ("g", "the part across the agent's restart", "rejected by the arm"),
    ("h", "parts on the belt at the PLC's restart", "rejected by the arm, or taken off by hand"),
    ("i3", "parts under BYPASS", "let through, and BYPASS shown at the panel"),
    ("i5", "the challenge part", "rejected by the arm, the line stopped"),
)
"""What only a person can see."""


ARM = {
    "plc": "timed by the PLC",
    "agent": "timed by the station, whose coils this run leaves at rest: the arm rejects every part",
}
"""By reject.timing."""


@dataclass
class Protocol:
    """Everything about one run."""

    engineer: str
    customer: str
    station: str
    config: str
    config_sha256: str
    plc: str
    arm: str
    software: str
    begun_utc: str
    begun_local: str
    map_id: str = f"{MAP_ID:#06x}"
    plc_epoch: int = 0
    agent_epoch: int = 0
    """Of the run's beginning."""
    results: list[Result] = field(default_factory=list)
    complete: bool = False
    interrupted: str = ""
    left_clean: bool = False
    ended_utc: str = ""

    @staticmethod
    def begin(path: Path, config: Config, engineer: str, customer: str) -> Protocol:
        """Now."""
        now = datetime.now(UTC)
        return Protocol(
            engineer, customer, f"{config.station.line}/{config.station.name}", str(path),
            hashlib.sha256(path.read_bytes()).hexdigest(), config.plc.where,
            ARM[config.reject.timing], f"linegate {version('linegate')}",
            now.isoformat(timespec="seconds"), now.astimezone().isoformat(timespec="seconds"),
        )  # fmt: skip

    @property
    def passed(self) -> bool:
        """Complete, nothing failed, and nothing of ours left in the PLC."""
        failed = any(result.state is State.FAILED for result in self.results)
        return self.complete and self.left_clean and not failed

    @property
    def verdict(self) -> str:
        """In one line."""
        if not self.complete:
            return f"INCOMPLETE: {self.interrupted}"
        skipped = [result.key for result in self.results if result.state is State.NOT_RUN]
        rest = f"; steps not run: {', '.join(skipped)}" if skipped else ""
        left = "" if self.left_clean else "; the PLC has not confirmed STATUS = 0 at the end"
        return ("PASSED" if self.passed else "FAILED") + rest + left


def write_report(protocol: Protocol, path: Path) -> None:
    """`path` and, beside it, the same name with .json; both are new files."""
    protocol.ended_utc = datetime.now(UTC).isoformat(timespec="seconds")
    content = asdict(protocol) | {"passed": protocol.passed, "verdict": protocol.verdict}
    text = json.dumps(content, indent=2, ensure_ascii=False, default=_plain) + "\n"
    json_path = path.with_suffix(".json")
    with json_path.open("x", encoding="utf-8") as file:
        file.write(text)
    with path.open("x", encoding="utf-8") as file:
        file.write(_markdown(protocol, json_path.name, hashlib.sha256(text.encode()).hexdigest()))


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def _markdown(protocol: Protocol, json_name: str, sha256: str) -> str:
    left = "STATUS = 0 and no verdict, confirmed by the PLC"
    facts = {
        "Result": f"**{protocol.verdict}**",
        "Engineer": protocol.engineer,
        "Customer": protocol.customer,
        "Station": protocol.station,
        "PLC": protocol.plc,
        "Map id, PLC epoch, agent epoch": f"{protocol.map_id}, {protocol.plc_epoch}, {protocol.agent_epoch}",
        "Software": protocol.software,
        "Configuration": f"{protocol.config}, sha256 {protocol.config_sha256}",
        "Begun": f"{protocol.begun_utc} (local {protocol.begun_local})",
        "Ended": protocol.ended_utc,
        "Arm": protocol.arm,
        "Left behind": left if protocol.left_clean else "NOT CONFIRMED: check STATUS in the PLC",
        "All figures": f"{json_name}, sha256 `{sha256}` (check: sha256sum {json_name})",
    }
    summary = [f"| {r.key} | {r.title} | {r.expected} | **{r.state.value}** |" for r in protocol.results]
    lines = [
        "# Site acceptance of the PLC link", "",
        *(f"- {name}: {value}" for name, value in facts.items()), "",
        "## Steps", "", "| | step | expected | result |", "|---|---|---|---|", *summary, "",
        *(line for result in protocol.results for line in _step(result)),
        *_to_sign(protocol),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _step(result: Result) -> list[str]:
    lines = [f"### {result.key}. {result.title}: {result.state.value}", "", f"Done: {result.done}.", ""]
    lines += [f"- {seen}" for seen in result.seen]
    lines += [f"- {name}: {_figure(value)}" for name, value in result.figures.items()]
    for failure in result.failures:
        lines += [f"- **failed**: {failure.seen}. Likely mistake: {failure.mistake.likely}. "
                  f"Mend: {failure.mistake.mend}."]  # fmt: skip
    if result.parts:
        lines += ["", "| epoch | seq | part id | said | confirmed after ms | decided at ms | outcome |",
                  "|---|---|---|---|---|---|---|"]  # fmt: skip
        lines += [f"| {' | '.join(map(_cell, part.values()))} |" for part in result.parts]
    return [*lines, ""]


def _cell(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ("…" if isinstance(value, tuple) else ", ").join(map(str, value))
    return "" if value is None else str(value)


def _figure(value: Any) -> str:
    return str(value) if isinstance(value, Spread) else json.dumps(value, ensure_ascii=False, default=_plain)


def _to_sign(protocol: Protocol) -> list[str]:
    run = {result.key for result in protocol.results if result.state is not State.NOT_RUN}
    rows = [f"| {key} | {what} | {must} | | |" for key, what, must in OBSERVATIONS if key in run]
    line = "____________________"
    return [
        "## Observed at the arm", "",
        "The figures above are the PLC's own words. What the arm did with the parts is seen by a person:", "",
        "| step | parts | must be | seen (yes / no, how many) | initials |", "|---|---|---|---|---|", *rows, "",
        "## Signed", "",
        "| | name | date | signature |", "|---|---|---|---|",
        f"| supplier | {protocol.engineer} | {line} | {line} |",
        f"| customer | {protocol.customer} | {line} | {line} |",
    ]  # fmt: skip
