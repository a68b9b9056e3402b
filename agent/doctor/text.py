"""The doctor's findings on a screen, or in a file."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.doctor.examined import COLOURS, Examined, Group
from agent.plc.commissioning.probe_report import MARKS

FILE_WIDTH = 160
"""Of what goes into a file or a pipe: nobody folds it there."""


class Paper:
    """Where it is written: a group as soon as it is complete."""

    def __init__(self, file: TextIO | None = None) -> None:
        file = file or sys.stdout
        width = None if file.isatty() else FILE_WIDTH
        self._console = Console(file=file, highlight=False, width=width)

    def group(self, group: Group) -> None:
        """A heading, then a line a finding, below it the remedy where one is needed."""
        self._console.print(Text(group.name, "bold"))
        table = Table.grid(padding=(0, 2))
        for finding in group.findings:
            mark, style = MARKS[finding.level]
            remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
            seen = Text(finding.seen, style).append(remedy, "none")
            table.add_row("", Text(mark, style), Text(finding.subject), seen)
        self._console.print(table)

    def end(self, examined: Examined) -> None:
        """How many of which colour."""
        told = ", ".join(f"{examined.counts[level]} {colour}" for level, colour in COLOURS.items())
        self._console.print(Text(told, "green" if examined.good else "red"))
