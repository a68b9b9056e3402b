"""The register table for the PLC programmer's eyes: `linegate plc map`."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, OutcomeCode, VerdictCode
from agent.plc.registers import Block, Register


def print_map() -> None:
    """Both blocks, with addresses as PDU offsets and in 4xxxx notation, and the codes."""
    console = Console()
    for block, how in ((PLC_BLOCK, "FC03 reads"), (AGENT_BLOCK, "FC16 writes")):
        table = Table(title=f"{block.name}: one {how} {block.count} registers at HR{block.base}", title_justify="left")
        for column in ("HR", "4xxxx", "name", "unit", "meaning"):
            table.add_column(column, overflow="fold")
        for first, name, unit, meaning in _rows(block):
            table.add_row(str(first), str(40001 + first), name, unit, meaning)
        console.print(table)
    console.print("verdict words (in the slot: code XOR seq): " + _codes(VerdictCode) + "; anything else = REJECT")
    console.print("outcome words (in the slot: code XOR seq): " + _codes(OutcomeCode))


def _rows(block: Block) -> list[tuple[int, str, str, str]]:
    rows = [(block.base + r.offset, _name(r), _unit(r), r.meaning) for r in block.registers]
    for ring in block.rings:
        start = block.base + ring.offset
        step = ring.slot_words
        rows += [
            (
                start + r.offset,
                f"{ring.name}[0].{_name(r)}",
                _unit(r),
                f"{r.meaning}; slot n at HR{start + r.offset} + {step}·n",
            )
            for r in ring.registers
        ]
    return sorted(rows)


def _name(register: Register) -> str:
    return register.name + (" (u32, high word first)" if register.words == 2 else "")


def _unit(register: Register) -> str:
    scale = f"× {register.scale:g} " if register.scale != 1 else ""
    return f"{scale}{register.unit}{' signed' if register.signed else ''}".strip()


def _codes(codes: type[VerdictCode] | type[OutcomeCode]) -> str:
    return ", ".join(f"{code.name} {code:#06x}" for code in codes)
