"""`linegate plc map` in its formats, for PLC tools. What it prints is committed in docs/plc, and tested there."""

from __future__ import annotations

import csv
import io
from functools import cache

import pytest
from blark.transform import DataTypeDeclaration

from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.map.meanings import MEANINGS, meaning
from agent.plc.map.rows import CODES, FLAGS
from agent.plc.map.structured_text import structured_text
from agent.plc.map.table import tag_list
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.registers import Block
from tests.conftest import Linegate
from tests.plc.st_interpreter import parsed

BLOCKS = pytest.mark.parametrize(
    ("block", "owner", "structure"),
    [(PLC_BLOCK, "PLC", "ST_LinegatePlc"), (AGENT_BLOCK, "agent", "ST_LinegateAgent")],
    ids=["plc", "agent"],
)


@pytest.mark.parametrize("as_format", ["table", "md", "csv", "st"])
def test_the_command_prints_every_register(linegate: Linegate, as_format: str) -> None:
    result = linegate("plc", "map", "--format", as_format)
    assert result.returncode == 0, result.stderr
    for block in (PLC_BLOCK, AGENT_BLOCK):
        assert all(register.name in result.stdout for register in block.registers)
        assert all(ring.name in result.stdout.upper() for ring in block.rings)


@pytest.mark.parametrize("as_format", ["table", "md", "csv"])
def test_profile_bits_has_its_own_map(linegate: Linegate, as_format: str) -> None:
    result = linegate("plc", "map", "--format", as_format, "--profile", "bits")
    assert result.returncode == 0, result.stderr
    for image in (PLC_BITS, AGENT_BITS):
        assert all(entry.name in result.stdout for entry in (*image.bits, *image.registers))


@pytest.mark.parametrize("as_format", ["st", "fb"])
def test_structured_text_is_for_words(linegate: Linegate, as_format: str) -> None:
    result = linegate("plc", "map", "--format", as_format, "--profile", "bits")
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_unknown_format_is_one_line(linegate: Linegate) -> None:
    result = linegate("plc", "map", "--format", "xml")
    assert result.returncode == 2
    assert len(result.stderr.strip().splitlines()) == 1
    assert "xml" in result.stderr


@BLOCKS
def test_the_tag_list_covers_each_word_once(block: Block, owner: str, structure: str) -> None:
    lines = [
        line for line in csv.DictReader(io.StringIO(tag_list("words"))) if line["block"] == owner and not line["bit"]
    ]
    covered = [int(line["address"]) + i for line in lines for i in range(2 if line["type"] == "UDINT" else 1)]
    assert len(covered) == len(set(covered))
    gaps = set(range(block.base, block.base + block.count)) - set(covered)
    assert gaps == ({21} if block is PLC_BLOCK else set())
    assert all(int(line["modicon"]) == 40001 + int(line["address"]) for line in lines)


@BLOCKS
def test_the_structure_lies_as_the_block_does(block: Block, owner: str, structure: str) -> None:
    """Every member in 16-bit words, in order: its offset must be the register's."""
    offsets, size = _offsets(_types(), structure)
    assert size == block.count
    for register in block.registers:
        names = [name for name in offsets if name.split("_", 1)[1].removesuffix("_hi") == register.name]
        assert [offsets[name] for name in names] == [register.offset]
    for ring in block.rings:
        assert offsets[f"a_{ring.name}"] == ring.offset


@cache
def _types() -> dict:
    return {
        str(item.declaration.name): item.declaration
        for item in parsed(structured_text())
        if isinstance(item, DataTypeDeclaration)
    }


def _offsets(types: dict, name: str) -> tuple[dict[str, int], int]:
    offsets, at = {}, 0
    for member in types[name].declarations:
        offsets[str(member.variables[0].variable.name)] = at
        at += _words(types, member.init.spec)
    return offsets, at


def _words(types: dict, spec: object) -> int:
    text = str(spec)
    element = text.rpartition(" ")[2]
    words = _offsets(types, element)[1] if element in types else {"UINT": 1, "INT": 1, "WORD": 1}[element]
    if text.startswith("ARRAY"):
        first, last = text[text.index("[") + 1 : text.index("]")].split("..")
        words *= int(last) - int(first) + 1
    return words


def test_both_blocks_lie_where_the_registers_do() -> None:
    offsets, size = _offsets(_types(), "ST_LinegateRegisters")
    assert offsets["awAgent"] == AGENT_BLOCK.base - PLC_BLOCK.base
    assert size == AGENT_BLOCK.base + AGENT_BLOCK.count - PLC_BLOCK.base


@pytest.mark.parametrize("members", [*FLAGS.values(), *CODES.values()], ids=lambda members: members.__name__)
def test_each_bit_and_code_has_a_meaning(members: type) -> None:
    assert list(MEANINGS[members]) == list(members)
    assert all(meaning(member) for member in members)
