"""docs/plc.md says what is there: generated parts, names of registers, keys and code. Of all pages: tests/docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from blark.transform import Program as StProgram

from agent.config import Config
from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.map.rows import BLOCKS, CODES, FLAGS
from agent.plc.register_map import Alarm
from agent.plc_config import PlcConfig
from docs.plc.generated import FOLDER, GUIDE, PAGES, blocks, files, filled
from tests.plc.st_interpreter import parsed

TEXT = GUIDE.read_text()
FENCES = re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
ELSEWHERE = {"CAP_NET_BIND_SERVICE", "MB_SERVER", "MB_CLIENT", "MB_HOLD_REG", "CONNECT", "DISCONNECT", "TIME_TCK"}
"""Capitals that are somebody else's."""


@pytest.mark.parametrize("name", list(files()))
def test_what_is_generated_is_up_to_date(name: str) -> None:
    """After a wanted change: `python -m docs.plc`."""
    assert (FOLDER / name).read_text() == files()[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tables_of_a_page_are_up_to_date(page: Path) -> None:
    """After a wanted change: `python -m docs.plc`."""
    assert filled(page.read_text()) == page.read_text()


def test_every_table_is_on_a_page() -> None:
    assert not {marker for marker in blocks() if not any(marker in page.read_text() for page in PAGES)}


def test_every_file_of_the_folder_is_linked() -> None:
    unlinked = {path.name for path in FOLDER.iterdir() if path.suffix in (".md", ".st", ".svg")}
    assert not {name for name in unlinked if f"(plc/{name})" not in TEXT}


def known_names() -> set[str]:
    """Registers, rings, bits, codes."""
    names = {register.name for block in BLOCKS for register in block.registers}
    names |= {ring.name for block in BLOCKS for ring in block.rings}
    names |= {member.name for members in (*FLAGS.values(), *CODES.values()) for member in members}
    return names | {entry.name for image in (PLC_BITS, AGENT_BITS) for entry in (*image.bits, *image.registers)}


def test_every_register_bit_and_code_of_the_guide_exists() -> None:
    said = {code for code in INLINE if re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", code)}
    assert said - known_names() - ELSEWHERE == set()
    assert {alarm.name for alarm in Alarm} <= set(INLINE)


def test_every_key_of_the_guide_exists() -> None:
    for table, key in {
        tuple(k.split(".")) for c in INLINE for k in re.findall(r"\b(?:plc|reject|alarm|trigger|journal)\.\w+", c)
    }:
        if key in ("md", "py"):
            continue
        fields = (PlcConfig if table == "plc" else Config.model_fields[table].annotation).model_fields
        assert key in fields, f"{table}.{key}"


def test_the_function_block_s_names_in_the_guide_exist() -> None:
    text = (FOLDER / "FB_Linegate.st").read_text() + (FOLDER / "Linegate_Map.st").read_text()
    for name in {code for code in INLINE if re.fullmatch(r"(x|ui|udi|a|st|aw)[A-Z]\w+", code)}:
        assert name in text, name


@pytest.mark.parametrize("body", [body for kind, body in FENCES if kind == "iecst"])
def test_the_guide_s_program_parses(body: str) -> None:
    assert isinstance(parsed(body)[0], StProgram)


@pytest.mark.parametrize("name", ["FB_Linegate.st", "Linegate_Map.st"])
def test_structured_text_is_plain_ascii(name: str) -> None:
    assert (FOLDER / name).read_text().isascii()
