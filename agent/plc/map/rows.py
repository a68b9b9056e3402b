"""Profile A's table as rows: one a register, a bit or a code, for every way to print it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from agent.inspection import Reason
from agent.plc.map.meanings import meaning
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

BLOCKS = (PLC_BLOCK, AGENT_BLOCK)
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
HOLDING = 40001
"""What Modicon's notation adds to a holding register's zero-based address."""


@dataclass(frozen=True)
class Section:
    """One table for people: its title, the names of its columns, its lines."""

    title: str
    columns: tuple[str, ...]
    lines: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Tag:
    """One line of a tag list; the fields are its columns. `direction` as the PLC sees it; '' = does not apply."""

    block: str
    address: int | str
    modicon: int | str
    bit: int | str
    name: str
    type: str
    scale: str = ""
    unit: str = ""
    signed: str = ""
    direction: str = ""
    value: int | str = ""
    meaning: str = ""


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


def data_type(register: Register) -> str:
    """As IEC 61131-3 names it; a UDINT lies with its high word first."""
    if register.words == 2:
        return "UDINT"
    if register.name in _BIT_STRINGS:
        return "WORD"
    return "INT" if register.signed else "UINT"


def code_kind(name: str) -> str:
    """IEC 61131-3 type of a code; those that are XORed are bit strings."""
    return "WORD" if name in ("VERDICT", "OUTCOME") else "UINT"


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


def sections() -> Iterator[Section]:
    """Both blocks, slot 0 standing for its ring, then all bits, then all codes."""
    for block in BLOCKS:
        how = "writes (FC16)" if block is AGENT_BLOCK else "reads (FC03)"
        title = f"{block.name}: the agent {how} {block.count} registers at HR{block.base} in one request"
        yield Section(title, REGISTER_COLUMNS, [line(row) for row in rows(block, expanded=False)])
    for name, flags in FLAGS.items():
        yield Section(f"{name}, bits", ("bit", "name", "meaning"), [(str(b), *rest) for b, *rest in bits(flags)])
    for name in CODES:
        yield code_section(name)


REGISTER_COLUMNS = ("HR", "4xxxx", "name", "type", "unit", "meaning")


def line(row: Row) -> tuple[str, ...]:
    """A register for people."""
    register = row.register
    scale = f"× {register.scale:g} " if register.scale != 1 else ""
    slot = f"; slot n at HR{row.address} + {row.repeats}·n" if row.repeats else ""
    text = "bits, see below" if row.flags else register.meaning + slot
    return str(row.address), str(HOLDING + row.address), row.name, data_type(register), f"{scale}{register.unit}", text


def bits(flags: type[IntFlag]) -> list[tuple[int, str, str]]:
    """(bit, name, meaning) of each."""
    return [(flag.value.bit_length() - 1, str(flag.name), meaning(flag)) for flag in flags]


def code_section(name: str) -> Section:
    """The values with a name of one register."""
    xored = code_kind(name) == "WORD"
    lines = [(f"16#{code:04X}" if xored else str(int(code)), code.name, meaning(code)) for code in CODES[name]]
    title = f"{name}, codes" + (" (in the slot: code XOR seq)" if xored else "")
    return Section(title, ("value", "name", "meaning"), lines)


def tags() -> Iterator[Tag]:
    """Every register with every slot of the rings, the bits (BOOL) after their register, then the codes."""
    for block in BLOCKS:
        owner, direction = ("agent", "in") if block is AGENT_BLOCK else ("PLC", "out")
        for row in rows(block, expanded=True):
            place = (owner, row.address, HOLDING + row.address)
            yield register_tag(place, row, direction)
            for bit, name, text in bits(row.flags) if row.flags else ():
                yield Tag(*place, bit, f"{row.name}.{name}", "BOOL", direction=direction, meaning=text)
    for name in CODES:
        yield from code_tags(name)


def register_tag(place: tuple[str, int, int], row: Row, direction: str) -> Tag:
    """`place`: who fills it, its address, and the same in Modicon's notation."""
    register = row.register
    signed = "yes" if register.signed else "no"
    text = "bits" if row.flags else register.meaning
    scale = f"{register.scale:g}"
    return Tag(*place, "", row.name, data_type(register), scale, register.unit, signed, direction, "", text)


def code_tags(name: str) -> Iterator[Tag]:
    """Constants: they have no address."""
    for code in CODES[name]:
        yield Tag("code", "", "", "", f"{name}.{code.name}", code_kind(name), value=code.value, meaning=meaning(code))
