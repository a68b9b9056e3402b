"""Profile B at the wire: a server that lies about bits, the order of requests, and what the config refuses."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from agent.config import load_config
from agent.errors import ConfigError
from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.wires.bits_profile import Bits
from agent.plc.wires.modbus import LinkError, ModbusConnection
from tests.agent.test_modbus import SOON_MS, exchange
from tests.conftest import ROOT, Linegate

INPUTS = bytes([2, 1, 0b0100_0011])
REGISTERS_WRITTEN, COILS_WRITTEN = struct.pack(">BHH", 16, 0, 3), struct.pack(">BHH", 15, 0, 13)
IMAGE = [*[1, 0] * 6, 1, 7, 6, 5]


async def read_inputs(connection: ModbusConnection) -> None:
    assert await connection.read_inputs(0, 7) == [True, True, False, False, False, False, True]


async def write_coils(connection: ModbusConnection) -> None:
    await connection.write_coils(0, [True] * 13)


def test_registers_go_before_coils_and_reads_name_their_connection() -> None:
    asked: list[bytes] = []
    profile = Bits()

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return {2: INPUTS, 16: REGISTERS_WRITTEN, 15: COILS_WRITTEN}[request[0]]

    async def use(connection: ModbusConnection) -> None:
        first = await profile.read(connection)
        assert [PLC_BITS.get(first, name) for name in ("TRIGGER_ENABLE", "TRIGGER", "PLC_HB", "BYPASS")] == [1, 1, 1, 0]
        assert (await profile.read(connection))[-1] == first[-1]
        await profile.write(connection, IMAGE)
        numbers.append(first[-1])

    numbers: list[int] = []
    exchange(answer, use)
    exchange(answer, use)
    assert numbers[0] != numbers[1], "a new connection is told from the last one"
    assert [request[0] for request in asked] == [2, 2, 16, 15] * 2
    assert asked[2] == struct.pack(">BHHBHHH", 16, 0, 3, 6, 7, 6, 5)
    assert asked[3] == struct.pack(">BHHBBB", 15, 0, 13, 2, 0b0101_0101, 0b1_0101)
    assert len(IMAGE) == len(AGENT_BITS.new())


@pytest.mark.parametrize(
    "reply",
    [bytes([2, 2, 0x43, 0]), bytes([2, 0]), bytes([1, 1, 0x43]), COILS_WRITTEN, bytes([0x82, 2])],
    ids=["long", "none", "coils", "of a write", "exception"],
)
def test_a_wrong_answer_to_a_read_of_inputs_is_a_link_error(reply: bytes) -> None:
    exchange(lambda _: INPUTS, read_inputs)
    with pytest.raises(LinkError):
        exchange(lambda _: reply, read_inputs, SOON_MS)


@pytest.mark.parametrize(
    "reply",
    [struct.pack(">BHH", 15, 1, 13), struct.pack(">BHH", 15, 0, 12), REGISTERS_WRITTEN, INPUTS, bytes([0x8F, 2])],
    ids=["other address", "other count", "registers", "of a read", "exception"],
)
def test_a_wrong_answer_to_a_write_of_coils_is_a_link_error(reply: bytes) -> None:
    exchange(lambda _: COILS_WRITTEN, write_coils)
    with pytest.raises(LinkError):
        exchange(lambda _: reply, write_coils, SOON_MS)


@pytest.mark.parametrize(
    ("plc", "pitch_ms", "complaint"),
    [
        ('profile = "bits"', 500, "missing key 'plc.decide_ms'"),
        ('profile = "bits"\ndecide_ms = 300\ncombined = true', 500, "FC23 carries words only"),
        ('profile = "bits"\ndecide_ms = 600', 500, "plc.decide_ms = 600 is longer than trigger.min_pitch_ms = 500"),
        ('profile = "bits"\ndecide_ms = 100', 200, "shorten plc.scan_ms or trigger.capture_window_ms"),
    ],
)
def test_settings_that_bits_cannot_hold_are_one_clear_line(
    tmp_path: Path, plc: str, pitch_ms: int, complaint: str
) -> None:
    text = (ROOT / "config" / "demo.toml").read_text()
    text = text.replace("[plc]", f"[plc]\n{plc}").replace("min_pitch_ms = 50", f"min_pitch_ms = {pitch_ms}")
    path = tmp_path / "station.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint.replace(".", r"\.")):
        load_config(path)


def test_the_simulator_refuses_what_a_small_plc_has_not(linegate: Linegate) -> None:
    result = linegate("plc", "sim", "--profile", "bits", "--role", "client")
    assert result.returncode == 2
    assert result.stderr.startswith("error: --profile bits is a small PLC")
