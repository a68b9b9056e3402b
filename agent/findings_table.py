"""Findings on a screen: a line each, below it the remedy where one is needed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from agent.finding import Finding, Level

MARKS = {
    Level.RIGHT: ("✓", "green"),
    Level.DOUBTFUL: ("!", "yellow"),
    Level.WRONG: ("✗", "red"),
    Level.UNKNOWN: ("?", "bright_black"),
}


def findings_table(findings: Iterable[Finding]) -> Table:
    """Text as it is: what was seen may have brackets in it."""
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark, style = MARKS[finding.level]
        remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
        table.add_row(Text(mark, style), Text(finding.subject), Text.assemble((finding.seen, style), remedy))
    return table
