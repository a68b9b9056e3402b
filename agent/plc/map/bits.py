"""Profile B's table as rows: discrete inputs, coils and the three registers beside them."""

from __future__ import annotations

from collections.abc import Iterator

from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.map.rows import HOLDING, Section, Tag, code_section, code_tags, data_type

INPUTS, COILS = 10001, 1
"""What Modicon's notation adds to the zero-based address of a discrete input and of a coil."""


def sections() -> Iterator[Section]:
    """Inputs, coils, registers, and the codes of CODE."""
    for image, how, kind, first in (
        (PLC_BITS, "reads (FC02)", "discrete inputs", INPUTS),
        (AGENT_BITS, "then writes (FC15)", "coils", COILS),
    ):
        title = f"{image.name}: the agent {how} {len(image.bits)} {kind} at 0"
        lines = [(str(bit.address), f"{first + bit.address:05}", bit.name, bit.meaning) for bit in image.bits]
        yield Section(title, ("address", "Modicon", "name", "meaning"), lines)
    registers = AGENT_BITS.registers
    title = f"{AGENT_BITS.name}: the agent first writes (FC16) {len(registers)} holding registers at HR0"
    values = [(str(r.offset), str(HOLDING + r.offset), r.name, data_type(r), r.meaning) for r in registers]
    yield Section(title, ("HR", "4xxxx", "name", "type", "meaning"), values)
    yield code_section("REASON")


def tags() -> Iterator[Tag]:
    """One a bit, a register, a code."""
    for image, owner, first, direction in ((PLC_BITS, "PLC", INPUTS, "out"), (AGENT_BITS, "agent", COILS, "in")):
        for bit in image.bits:
            place = (owner, bit.address, first + bit.address, "", bit.name, "BOOL")
            yield Tag(*place, direction=direction, meaning=bit.meaning)
    for r in AGENT_BITS.registers:
        place = ("agent", r.offset, HOLDING + r.offset, "", r.name, data_type(r))
        yield Tag(*place, "1", "", "no", "in", "", r.meaning)
    yield from code_tags("REASON")
