"""The register table as rows: one a register, a bit or a code, for every way to print it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from agent.inspection import Reason
from agent.plc.meanings import meaning
from agent.plc.register_map import (
    AGENT_BLOCK,
    PLC_BLOCK,
    Alarm,
    Command,
    Ctrl,
    OutcomeCode,
    Status,
    VerdictCode,
)
from agent.plc.registers import Block, Register, Ring

FLAGS: dict[str, type[IntFlag]] = {"CTRL": Ctrl, "STATUS": Status, "ALARM": Alarm}
"""Registers that are bits, by name."""
CODES: dict[str, type[IntEnum]] = {
    "VERDICT": VerdictCode,
    "OUTCOME": OutcomeCode,
    "CMD": Command,
    "REASON": Reason,
}
"""Values with a name; the first two lie in their slots XOR seq."""
_BIT_STRINGS = {*FLAGS, "MAP_ID", "CHALLENGE", "MODEL_ID", "RECIPE_ID", "word", "verdict"}
MODICON = 40001


@dataclass(frozen=True)
class Row:
    """One register, at its zero-based address."""

    block: Block
    address: int
    name: str
    register: Register
    repeats: int = 0
    """0: it is there once. Else this is slot 0 of a ring, and slot n lies `repeats`·n further on."""

    @property
    def flags(self) -> type[IntFlag] | None:
        """Its bits, where it has any."""
        return FLAGS.get(self.name)

    @property
    def data_type(self) -> str:
        """As IEC 61131-3 names it; a UDINT lies with its high word first."""
        return data_type(self.register)


def data_type(register: Register) -> str:
    """IEC 61131-3 type of a register."""
    if register.words == 2:
        return "UDINT"
    if register.name in _BIT_STRINGS:
        return "WORD"
    return "INT" if register.signed else "UINT"


def rows(block: Block, expanded: bool) -> list[Row]:
    """In order of addresses; `expanded`: every slot of each ring, else slot 0 stands for all."""
    found = [Row(block, block.base + r.offset, r.name, r) for r in block.registers]
    for ring in block.rings:
        found += _slots(block, ring) if expanded else _first_slot(block, ring)
    return sorted(found, key=lambda row: row.address)


def _slots(block: Block, ring: Ring) -> Iterator[Row]:
    for slot in range(ring.slots):
        start = block.base + ring.start(slot)
        for register in ring.registers:
            yield Row(block, start + register.offset, f"{ring.name}[{slot}].{register.name}", register)


def _first_slot(block: Block, ring: Ring) -> Iterator[Row]:
    for register in ring.registers:
        at = block.base + ring.offset + register.offset
        yield Row(block, at, f"{ring.name}[0].{register.name}", register, ring.slot_words)


def bits(flags: type[IntFlag]) -> list[tuple[int, str, str]]:
    """(bit, name, meaning) of each."""
    return [(flag.value.bit_length() - 1, str(flag.name), meaning(flag)) for flag in flags]


def code_kind(name: str) -> str:
    """IEC 61131-3 type of a code; those that are XORed are bit strings."""
    return "WORD" if name in ("VERDICT", "OUTCOME") else "UINT"


def codes(code_type: type[IntEnum]) -> list[tuple[int, str, str]]:
    """(value, name, meaning) of each."""
    return [(code.value, code.name, meaning(code)) for code in code_type]


BLOCKS = (PLC_BLOCK, AGENT_BLOCK)
