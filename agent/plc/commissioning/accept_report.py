"""The acceptance report: one JSON file with everything, and a Markdown page to be signed that carries its sha256."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from agent.config import Config
from agent.errors import Fault, UsageError
from agent.plc.commissioning.accept_result import Result, State
from agent.plc.register_map import MAP_ID
from agent.spread import Spread

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
    waived: tuple[str, ...] = ()
    """Keys of the steps that were left out by agreement."""
    complete: bool = False
    interrupted: str = ""
    left_clean: bool = False
    ended_utc: str = ""

    @staticmethod
    def begin(path: Path, config: Config, engineer: str, customer: str, waived: tuple[str, ...] = ()) -> Protocol:
        """Now."""
        now = datetime.now(UTC)
        return Protocol(
            engineer, customer, f"{config.station.line}/{config.station.name}", str(path),
            hashlib.sha256(path.read_bytes()).hexdigest(), config.plc.where,
            ARM[config.reject.timing], f"linegate {version('linegate')}",
            now.isoformat(timespec="seconds"), now.astimezone().isoformat(timespec="seconds"), waived=waived,
        )  # fmt: skip

    @property
    def passed(self) -> bool:
        """Every step has run or is waived, nothing failed, and nothing of ours left in the PLC."""
        return self.complete and not self.missing and not self._failed

    @property
    def missing(self) -> list[str]:
        """Keys of the steps that were not run, or not to their end, and that nobody has waived."""
        return [r.key for r in self.results if r.state is State.NOT_RUN and r.key not in self.waived]

    @property
    def _failed(self) -> bool:
        return not self.left_clean or any(result.state is State.FAILED for result in self.results)

    @property
    def verdict(self) -> str:
        """In one line."""
        if not self.complete:
            return f"INCOMPLETE: {self.interrupted}"
        rest = f"; steps not run: {', '.join(self.missing)}" if self.missing else ""
        waived = f"; waived: {', '.join(self.waived)}" if self.waived else ""
        left = "" if self.left_clean else "; the PLC has not confirmed STATUS = 0 at the end"
        return ("FAILED" if self._failed else "INCOMPLETE" if self.missing else "PASSED") + rest + waived + left


class ReportFiles:
    """Both files of a report, new ones, open before the run: what it has found must not be lost for a wrong name.

    Raises UsageError. Leaving it removes them when nothing was written.
    """

    def __init__(self, page: Path) -> None:
        self.page, self.figures = page, page.with_suffix(".json")
        if page.suffix == ".json":
            raise UsageError(f"--report {page}: give a .md file, the .json is written beside it")
        self._opened = ExitStack()
        self._written = False

    def __enter__(self) -> ReportFiles:
        with ExitStack() as opened:
            self._figures = self._open(self.figures, opened)
            self._page = self._open(self.page, opened)
            self._opened = opened.pop_all()
        return self

    def _open(self, path: Path, opened: ExitStack) -> TextIO:
        file = opened.enter_context(_new(path))
        opened.callback(self._remove_unwritten, path)
        return file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a disk that was full is full
            self._opened.close()

    def write(self, protocol: Protocol) -> None:
        """Once. Raises Fault when the disk does not take it; the page is then on stdout."""
        protocol.ended_utc = datetime.now(UTC).isoformat(timespec="seconds")
        content = asdict(protocol) | {"passed": protocol.passed, "verdict": protocol.verdict}
        text = json.dumps(content, indent=2, ensure_ascii=False, default=_plain) + "\n"
        page = _markdown(protocol, self.figures.name, hashlib.sha256(text.encode()).hexdigest())
        self._written = True
        try:
            for file, what in ((self._figures, text), (self._page, page)):
                file.write(what)
                file.flush()
        except OSError as error:
            print(page)
            raise Fault(f"report {self.page}: {error.strerror}: the page is printed above, keep it") from error

    def _remove_unwritten(self, path: Path) -> None:
        if not self._written:
            path.unlink(missing_ok=True)


def _new(path: Path) -> TextIO:
    try:
        return path.open("x", encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(
            f"--report {path} exists: an acceptance report is never overwritten; choose another name"
        ) from error
    except OSError as error:
        raise UsageError(
            f"--report {path}: {(error.strerror or '').lower()}: name a file that can be written"
        ) from error


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
        "Waived": ", ".join(protocol.waived) or "nothing",
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
