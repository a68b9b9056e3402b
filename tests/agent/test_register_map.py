"""The register table: no overlaps, within Modbus' limits, and slots that cannot be mistaken for one another."""

from __future__ import annotations

from enum import IntFlag
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.plc.register_map import (
    AGENT_BLOCK,
    MAP_ID,
    MAX_SEQ,
    PLC_BLOCK,
    READ_LIMIT_WORDS,
    RING_SLOTS,
    STOP_ALARMS,
    WRITE_LIMIT_WORDS,
    Alarm,
    Command,
    Ctrl,
    OutcomeCode,
    Status,
    VerdictCode,
    next_seq,
    seq_distance,
)
from agent.plc.registers import Block, Register

SEQ = st.integers(1, MAX_SEQ)
BLOCKS = pytest.mark.parametrize("block", [PLC_BLOCK, AGENT_BLOCK], ids=["plc", "agent"])


@BLOCKS
def test_nothing_overlaps(block: Block) -> None:
    for (_, end, name), (first, _, after) in pairwise(sorted(block.spans())):
        assert end <= first, f"{name} runs into {after}"
    for ring in block.rings:
        registers = sorted((r.offset, r.offset + r.words) for r in ring.registers)
        assert [end for _, end in registers[:-1]] == [first for first, _ in registers[1:]]


def test_each_block_travels_in_one_request() -> None:
    assert PLC_BLOCK.count <= READ_LIMIT_WORDS == 125
    assert AGENT_BLOCK.count <= WRITE_LIMIT_WORDS == 121, "FC23 takes no more"
    assert PLC_BLOCK.base + PLC_BLOCK.count <= AGENT_BLOCK.base


@pytest.mark.parametrize(("block", "tail"), [(PLC_BLOCK, "TRIG_TAIL"), (AGENT_BLOCK, "RES_TAIL")])
def test_the_tail_is_the_last_register(block: Block, tail: str) -> None:
    _, end, name = max(block.spans(), key=lambda span: span[1])
    assert (name, end) == (tail, block.count)


@given(st.integers(1, 2), st.booleans(), st.sampled_from([1.0, 0.1, 0.01]), st.floats(-1e9, 1e9, allow_subnormal=False))
def test_encoding_saturates_and_keeps_the_sign(words: int, signed: bool, scale: float, value: float) -> None:
    register = Register("R", 0, "", words=words, scale=scale, signed=signed)
    bits = 16 * words
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    encoded = register.encode(value)
    assert len(encoded) == words
    assert all(0 <= word <= 0xFFFF for word in encoded)
    assert register.decode(list(encoded)) == pytest.approx(min(high, max(low, round(value / scale))) * scale)


@given(SEQ, SEQ)
def test_an_old_word_beside_a_new_seq_is_no_code_at_all(old: int, new: int) -> None:
    """Two different seqs of one slot: whatever was written for the old one reads as nothing for the new one."""
    new = new - new % RING_SLOTS + old % RING_SLOTS
    if new in (old, 0) or new > MAX_SEQ:
        return
    for codes in (VerdictCode, OutcomeCode):
        known = {int(code) for code in codes}
        same_word = {int(code) for code in codes if (int(code) ^ old) ^ new in known - {int(code)}}
        assert not same_word
        assert all((int(code) ^ old) ^ new != int(code) for code in codes)


def test_codes_differ_in_many_bits_and_in_their_low_nibble() -> None:
    for codes in (list(VerdictCode), list(OutcomeCode)):
        assert len({code & 0xF for code in codes}) == len(codes)
        assert all((a ^ b).bit_count() >= 8 for a in codes for b in codes if a != b)


@given(SEQ, st.integers(0, 200))
def test_distance_counts_triggers_over_the_wrap(seq: int, steps: int) -> None:
    later = seq
    for _ in range(steps):
        later = next_seq(later)
        assert later != 0
    assert seq_distance(seq, later) == steps


def test_zero_counts_as_the_one_before_the_first() -> None:
    assert seq_distance(0, 1) == 1
    assert next_seq(0) == 1
    assert next_seq(MAX_SEQ) == 1


@pytest.mark.parametrize("flags", [Ctrl, Status, Alarm])
def test_each_bit_of_a_word_has_one_name(flags: type[IntFlag]) -> None:
    """IntFlag would take a second name of a bit for an alias, and a value of two bits for a name."""
    values = [flag.value for flag in flags.__members__.values()]
    assert len(set(values)) == len(values)
    assert all(value.bit_count() == 1 and value < 1 << 16 for value in values)


def test_what_stops_the_line_are_the_first_bits_of_alarm() -> None:
    """The PLC masks STOP_REQUEST's causes out of ALARM; the rest only warns."""
    assert all(STOP_ALARMS & alarm for alarm in list(Alarm)[: STOP_ALARMS.bit_count()])
    assert STOP_ALARMS.value == (1 << STOP_ALARMS.bit_count()) - 1


def test_addresses_stay_where_plc_programs_expect_them() -> None:
    """The golden file is the contract: a change of it is a new map id."""
    golden = Path(__file__).parent / "golden" / "register_map.txt"
    lines = [
        f"{block.base + first} {end - first} {block.name} {name}"
        for block in (PLC_BLOCK, AGENT_BLOCK)
        for first, end, name in block.spans()
    ]
    named = (*VerdictCode, *OutcomeCode, *Ctrl, *Status, *Alarm, *Command)
    lines += [f"{code.__class__.__name__}.{code.name} {code.value:#06x}" for code in named]
    lines.append(f"MAP_ID {MAP_ID:#06x}")
    assert "\n".join(lines) + "\n" == golden.read_text()
