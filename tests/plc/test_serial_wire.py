"""Modbus RTU: how long it takes on the line, what cannot be opened, and answers that come too late."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymodbus.framer import FramerRTU

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.wires.endpoint import rtu_endpoint
from agent.plc.wires.modbus import LinkError, ModbusConnection
from agent.plc.wires.serial_timing import Exchanges, SerialLine
from tests.plc.cable import Cable

BAUD_RATE = 921_600


# --- time on the line ------------------------------------------------------------------------------------------------


def test_a_character_has_start_data_parity_and_stop_bits() -> None:
    assert SerialLine("", parity="even").character_bits == 11
    assert SerialLine("", parity="none").character_bits == 10
    assert SerialLine("", parity="none", stop_bits=2).character_bits == 11


def test_an_exchange_takes_its_characters_and_two_gaps() -> None:
    """At 9,600 baud and 10 bits a character is 1.0417 ms; above 19,200 baud a gap is 1.75 ms."""
    slow, fast = SerialLine("", 9_600, "none"), SerialLine("", 115_200, "even")
    assert slow.exchange_ms(8, 8) == pytest.approx((16 + 2 * 3.5) * 10 / 9.6)
    assert fast.exchange_ms(8, 8) == pytest.approx(16 * 11 / 115.2 + 2 * 1.75)


def test_what_profile_a_needs() -> None:
    line = SerialLine("", 115_200, "even")
    words = Exchanges.of_words(line, combined=False)
    read, write = 8 + 5 + 2 * PLC_BLOCK.count, 9 + 2 * AGENT_BLOCK.count + 8
    assert words.read_ms == pytest.approx(read * 11 / 115.2 + 3.5)
    assert words.write_ms == pytest.approx(write * 11 / 115.2 + 3.5)
    assert words.cycle_ms == words.read_ms + words.write_ms
    both = Exchanges.of_words(line, combined=True)
    assert words.longest_ms < both.cycle_ms == both.longest_ms < words.cycle_ms
    assert Exchanges.of_bits(line).cycle_ms < words.read_ms


def test_the_frames_are_as_long_as_pymodbus_makes_them() -> None:
    """Counted on the wire, not from the standard."""
    asked: list[bytes] = []

    async def run() -> None:
        master, slave = os.openpty()
        name = os.ttyname(slave)
        connection = ModbusConnection(rtu_endpoint(SerialLine(name, BAUD_RATE, "none")), 1, 20)
        async with connection:
            for call in (
                connection.read(0, PLC_BLOCK.count),
                connection.write(AGENT_BLOCK.base, [0] * AGENT_BLOCK.count),
                connection.write_read(AGENT_BLOCK.base, [0] * AGENT_BLOCK.count, 0, PLC_BLOCK.count),
            ):
                with pytest.raises(LinkError):
                    await call
                asked.append(os.read(master, 1000))
        os.close(master)
        os.close(slave)

    asyncio.run(run())
    assert [len(request) for request in asked] == [8, 9 + 2 * AGENT_BLOCK.count, 13 + 2 * AGENT_BLOCK.count]


# --- what cannot be opened -------------------------------------------------------------------------------------------


def why_not(device: Path | str, line: SerialLine | None = None) -> str:
    async def connect() -> None:
        async with ModbusConnection(rtu_endpoint(line or SerialLine(str(device), 115_200, "none")), 1, 20):
            pass

    with pytest.raises(LinkError) as caught:
        asyncio.run(connect())
    return str(caught.value)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path, BAUD_RATE)
    cable.plug()
    yield cable
    cable.close()


def test_a_device_that_cannot_be_opened_is_one_line_with_the_reason(tmp_path: Path, cable: Cable) -> None:
    assert why_not("/dev/ttyNone") == "PLC on /dev/ttyNone: no such device: plug it in, or name another"
    (tmp_path / "file").write_text("")
    assert "\n" not in why_not(tmp_path / "file")

    async def open_twice() -> None:
        line = SerialLine(str(cable.agent_end), BAUD_RATE, "none")
        async with ModbusConnection(rtu_endpoint(line), 1, 20), ModbusConnection(rtu_endpoint(line), 1, 20):
            pass

    with pytest.raises(LinkError, match="another program has it open"):
        asyncio.run(open_twice())


def test_a_device_that_does_not_take_its_settings_is_one_line() -> None:
    """A pseudo-terminal has no parity."""
    master, slave = os.openpty()
    for _ in range(3):  # and it does not keep it open
        text = why_not("", SerialLine(os.ttyname(slave), 115_200, "even"))
    assert text.endswith("the device does not take 115200 baud, parity even, 1 stop bits")
    os.close(master)
    os.close(slave)


# --- answers that come too late --------------------------------------------------------------------------------------


def test_an_answer_to_the_last_connection_is_not_taken_for_the_next_ones() -> None:
    """RTU has no transaction id: the line must have been silent before the first request."""

    async def run() -> None:
        master, slave = os.openpty()
        line = SerialLine(os.ttyname(slave), BAUD_RATE, "none")
        late = rtu_answer([111])
        with pytest.raises(LinkError):
            async with ModbusConnection(rtu_endpoint(line), 1, 100) as connection:
                await connection.read(0, 1)
        os.read(master, 100)
        asyncio.get_running_loop().call_later(0.05, os.write, master, late)
        answering = asyncio.create_task(answer_one(master, [222]))
        async with ModbusConnection(rtu_endpoint(line), 1, 100) as connection:
            assert await connection.read(0, 1) == [222]
        await answering
        os.close(master)
        os.close(slave)

    asyncio.run(run())


def test_a_line_that_never_falls_silent_is_not_used() -> None:
    async def run() -> None:
        master, slave = os.openpty()
        babble = asyncio.create_task(babble_on(master))
        with pytest.raises(LinkError, match="never falls silent"):
            async with ModbusConnection(rtu_endpoint(SerialLine(os.ttyname(slave), BAUD_RATE, "none")), 1, 20):
                pass
        babble.cancel()
        os.close(master)
        os.close(slave)

    asyncio.run(run())


def rtu_answer(values: list[int]) -> bytes:
    head = bytes([1, 3, 2 * len(values)]) + b"".join(value.to_bytes(2, "big") for value in values)
    return head + FramerRTU.compute_CRC(head).to_bytes(2, "big")


async def answer_one(master: int, values: list[int]) -> None:
    os.set_blocking(master, False)
    while True:
        await asyncio.sleep(0.005)
        try:
            if os.read(master, 100):
                os.write(master, rtu_answer(values))
                return
        except BlockingIOError:
            continue


async def babble_on(master: int) -> None:
    while True:
        os.write(master, b"\x55\x55")
        await asyncio.sleep(0.005)
