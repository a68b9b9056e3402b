"""What a probe has found, on one screen or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from agent.plc.commissioning.finding import Level
from agent.plc.commissioning.probe import Probed

MARKS = {
    Level.RIGHT: ("✓", "green"),
    Level.DOUBTFUL: ("!", "yellow"),
    Level.WRONG: ("✗", "red"),
    Level.UNKNOWN: ("?", "bright_black"),
}


def print_probed(probed: Probed) -> None:
    """A line a finding, below it the remedy where one is needed."""
    console = Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    for finding in probed.findings:
        mark, style = MARKS[finding.level]
        remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
        table.add_row(f"[{style}]{mark}[/]", finding.subject, f"[{style}]{finding.seen}[/]{remedy}")
    console.print(probed.where)
    console.print(table)
    console.print("[green]a station can run with this PLC[/]" if probed.good else "[red]mend what is marked ✗[/]")


def print_json(probed: Probed) -> None:
    """One object: where, good, findings, figures."""
    print(json.dumps(
        {"where": probed.where, "good": probed.good, "findings": probed.findings, "figures": probed.figures},
        default=_plain, indent=2, ensure_ascii=False,
    ))  # fmt: skip


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(type(value).__name__)
