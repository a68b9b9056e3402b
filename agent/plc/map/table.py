"""The register table for the PLC programmer: `linegate plc map`, on the screen, as Markdown, CSV or Structured Text."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from dataclasses import astuple, fields
from typing import Literal

from rich.console import Console
from rich.table import Table

from agent.errors import UsageError
from agent.plc.map import bits as map_bits
from agent.plc.map import rows as map_rows
from agent.plc.map.rows import Section, Tag
from agent.plc.map.structured_text import structured_text
from agent.shipped import shipped

MapFormat = Literal["table", "md", "csv", "st", "fb"]
MapProfile = Literal["words", "bits"]
_MAPS = {"words": map_rows, "bits": map_bits}


def print_map(as_format: MapFormat, profile: MapProfile) -> None:
    """All registers, bits and codes of a profile, to stdout.

    Raises UsageError for bits in Structured Text: there is no function block for profile B.
    """
    if as_format == "table":
        _print_tables(_MAPS[profile].sections())
    elif as_format == "md":
        sys.stdout.write(markdown(profile))
    elif as_format == "csv":
        sys.stdout.write(tag_list(profile))
    elif profile == "bits":
        raise UsageError(f"--format {as_format} is for profile words, as FB_Linegate is: take --format csv for bits")
    elif as_format == "st":
        sys.stdout.write(structured_text())
    else:
        sys.stdout.write(shipped("docs/plc/FB_Linegate.st").read_text(encoding="utf-8"))


def markdown(profile: MapProfile) -> str:
    """Tables for a document."""
    return "\n".join(markdown_section(section) for section in _MAPS[profile].sections())


def tag_list(profile: MapProfile) -> str:
    """CSV for a PLC tool, a line a tag."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(Tag))
    writer.writerows(astuple(tag) for tag in _MAPS[profile].tags())
    return text.getvalue()


def markdown_section(section: Section) -> str:
    """One table."""
    head = [f"**{section.title}**", "", _bar(section.columns), _bar(["---"] * len(section.columns))]
    return "\n".join(head + [_bar(line) for line in section.lines]) + "\n"


def _bar(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _print_tables(sections: Iterable[Section]) -> None:
    console = Console()
    for section in sections:
        table = Table(title=section.title, title_justify="left")
        for column in section.columns:
            table.add_column(column, overflow="fold")
        for line in section.lines:
            table.add_row(*line)
        console.print(table)
