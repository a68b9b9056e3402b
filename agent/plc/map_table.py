"""The register table for the PLC programmer: `linegate plc map`, on the screen, as Markdown, CSV or Structured Text."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table

from agent.plc.map_rows import BLOCKS, CODES, MODICON, Row, bits, code_kind, codes, rows
from agent.plc.map_structured_text import structured_text
from agent.plc.register_map import AGENT_BLOCK
from agent.plc.registers import Block

MapFormat = Literal["table", "md", "csv", "st"]
CSV_COLUMNS = (
    "block", "address", "modicon", "bit", "name", "type", "scale", "unit", "signed", "direction", "value", "meaning",
)  # fmt: skip


@dataclass(frozen=True)
class Section:
    """One table: its title, the names of its columns, its lines."""

    title: str
    columns: tuple[str, ...]
    lines: list[tuple[str, ...]]


def print_map(as_format: MapFormat) -> None:
    """Both blocks with their addresses, all bits and all codes, to stdout."""
    if as_format == "table":
        _print_tables(_sections())
    else:
        sys.stdout.write({"md": markdown, "csv": tag_list, "st": structured_text}[as_format]())


def markdown() -> str:
    """Tables for a document; slot 0 stands for its ring."""
    return "\n".join(_markdown(section) for section in _sections())


def tag_list() -> str:
    """CSV, one line a register with every slot of the rings, then bits (type BOOL) and codes (no address)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for block in BLOCKS:
        for row in rows(block, expanded=True):
            writer.writerow(_tag(row))
            writer.writerows(_bit_tags(row))
    for name, code_type in CODES.items():
        for value, code, meaning in codes(code_type):
            writer.writerow(["code", "", "", "", f"{name}.{code}", code_kind(name), "", "", "", "", value, meaning])
    return text.getvalue()


def _tag(row: Row) -> list[str | int]:
    register = row.register
    return [
        _owner(row.block), row.address, MODICON + row.address, "", row.name, row.data_type, f"{register.scale:g}",
        register.unit,
        "yes" if register.signed else "no",
        _direction(row.block),
        "",
        "bits" if row.flags else register.meaning,
    ]  # fmt: skip


def _bit_tags(row: Row) -> Iterator[list[str | int]]:
    for bit, name, meaning in bits(row.flags) if row.flags else ():
        yield [
            _owner(row.block), row.address, MODICON + row.address, bit, f"{row.name}.{name}", "BOOL", "", "", "",
            _direction(row.block), "", meaning,
        ]  # fmt: skip


def _owner(block: Block) -> str:
    """Who fills it."""
    return "agent" if block is AGENT_BLOCK else "PLC"


def _direction(block: Block) -> str:
    """As the PLC sees it."""
    return "in" if block is AGENT_BLOCK else "out"


def _sections() -> Iterator[Section]:
    for block in BLOCKS:
        how = "writes (FC16)" if block is AGENT_BLOCK else "reads (FC03)"
        title = f"{block.name}: the agent {how} {block.count} registers at HR{block.base} in one request"
        lines = [_line(row) for row in rows(block, expanded=False)]
        yield Section(title, ("HR", "4xxxx", "name", "type", "unit", "meaning"), lines)
    for block in BLOCKS:
        for row in rows(block, expanded=False):
            if row.flags:
                yield Section(f"{row.name}, bits", ("bit", "name", "meaning"), _texts(bits(row.flags)))
    for name, code_type in CODES.items():
        xored = code_kind(name) == "WORD"
        title = f"{name}, codes" + (" (in the slot: code XOR seq)" if xored else "")
        lines = [(f"16#{v:04X}" if xored else str(v), code, meaning) for v, code, meaning in codes(code_type)]
        yield Section(title, ("value", "name", "meaning"), lines)


def _line(row: Row) -> tuple[str, ...]:
    register = row.register
    scale = f"× {register.scale:g} " if register.scale != 1 else ""
    slot = f"; slot n at HR{row.address} + {row.repeats}·n" if row.repeats else ""
    text = "bits, see below" if row.flags else register.meaning + slot
    return str(row.address), str(MODICON + row.address), row.name, row.data_type, f"{scale}{register.unit}", text


def _texts(lines: list[tuple[int, str, str]]) -> list[tuple[str, ...]]:
    return [(str(number), name, meaning) for number, name, meaning in lines]


def _markdown(section: Section) -> str:
    head = [f"**{section.title}**", "", _bar(section.columns), _bar(["---"] * len(section.columns))]
    return "\n".join(head + [_bar(line) for line in section.lines]) + "\n"


def _bar(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _print_tables(sections: Iterator[Section]) -> None:
    console = Console()
    for section in sections:
        table = Table(title=section.title, title_justify="left")
        for column in section.columns:
            table.add_column(column, overflow="fold")
        for line in section.lines:
            table.add_row(*line)
        console.print(table)
