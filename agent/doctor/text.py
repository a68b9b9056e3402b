"""The doctor's findings on a screen, or in a file."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from agent.doctor.examined import COLOURS, Examined, Group
from agent.findings_table import findings_table
from agent.shipped import where_pages_lie

FILE_WIDTH = 160
"""Of what goes into a file or a pipe: nobody folds it there."""


class Paper:
    """Where it is written: a group as soon as it is complete."""

    def __init__(self, file: TextIO | None = None) -> None:
        file = file or sys.stdout
        width = None if file.isatty() else FILE_WIDTH
        self._console = Console(file=file, highlight=False, width=width)

    def group(self, group: Group) -> None:
        """A heading, and what was found."""
        self._console.print(Text(group.name, "bold"))
        self._console.print(Padding.indent(findings_table(group.findings), 2))

    def end(self, examined: Examined) -> None:
        """Where the pages are that it has named; how many findings of which colour."""
        if pages := where_pages_lie(finding.remedy for group in examined.groups for finding in group.findings):
            self._console.print(Text(pages, "dim"), soft_wrap=True)
        told = ", ".join(f"{examined.counts[level]} {colour}" for level, colour in COLOURS.items())
        self._console.print(Text(told, "green" if examined.good else "red"))
