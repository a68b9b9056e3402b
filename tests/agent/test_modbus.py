"""The Modbus client against a server that lies: every wrong answer, and every broken connection, is a LinkError."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from agent.plc.wires.endpoint import tcp_endpoint
from agent.plc.wires.modbus import LinkError, ModbusConnection

Answer = Callable[[bytes], bytes | None]
"""PDU asked → PDU answered; None: close the connection; b'': stay silent."""

READ, WRITE, BOTH = 3, 16, 23
SOON_MS = 200
"""A time-out for servers that do not answer rightly; one that does is given time, on a busy machine too."""


def read_answer(count: int, function: int = READ, byte_count: int | None = None) -> bytes:
    size = 2 * count if byte_count is None else byte_count
    return bytes([function, size]) + bytes(range(2 * count))


def write_answer(address: int, count: int) -> bytes:
    return struct.pack(">BHH", WRITE, address, count)


def exchange(answer: Answer, use: Callable[[ModbusConnection], Awaitable[None]], timeout_ms: float = 2000) -> None:
    """Run `use` on a connection to a server that answers every request by `answer`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                reply = answer(await reader.readexactly(length - 1))
                if reply is None:
                    break
                if reply:
                    writer.write(struct.pack(">HHHB", transaction, 0, len(reply) + 1, unit) + reply)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, ModbusConnection(tcp_endpoint("127.0.0.1", port), 1, timeout_ms) as connection:
            await use(connection)

    asyncio.run(run())


async def read_four(connection: ModbusConnection) -> None:
    assert await connection.read(0, 4) == [0x0001, 0x0203, 0x0405, 0x0607]


async def write_two(connection: ModbusConnection) -> None:
    await connection.write(200, [7, 8])


async def write_two_read_four(connection: ModbusConnection) -> None:
    assert await connection.write_read(200, [7, 8], 0, 4) == [0x0001, 0x0203, 0x0405, 0x0607]


def test_right_answers_are_believed() -> None:
    exchange(lambda _: read_answer(4), read_four)
    exchange(lambda _: write_answer(200, 2), write_two)
    exchange(lambda _: read_answer(4, function=BOTH), write_two_read_four)


def test_fc23_asks_for_what_it_should() -> None:
    """Read address and count, write address and count, then the words."""
    asked: list[bytes] = []
    exchange(lambda pdu: asked.append(pdu) or read_answer(4, function=BOTH), write_two_read_four)
    assert asked == [struct.pack(">BHHHHBHH", BOTH, 0, 4, 200, 2, 4, 7, 8)]


@pytest.mark.parametrize(
    "reply",
    [
        read_answer(3),
        read_answer(5),
        read_answer(4, function=4),
        read_answer(1, byte_count=8),
        write_answer(0, 4),
        bytes([READ | 0x80, 2]),
        bytes([READ]),
        b"",
        None,
    ],
    ids=["short", "long", "input registers", "count lies", "of a write", "exception", "cut", "silence", "closed"],
)
def test_a_wrong_answer_to_a_read_is_a_link_error(reply: bytes | None) -> None:
    with pytest.raises(LinkError):
        exchange(lambda _: reply, read_four, SOON_MS)


@pytest.mark.parametrize(
    "reply",
    [write_answer(201, 2), write_answer(200, 1), read_answer(2), bytes([WRITE | 0x80, 2]), b"", None],
    ids=["other address", "other count", "of a read", "exception", "silence", "closed"],
)
def test_a_wrong_answer_to_a_write_is_a_link_error(reply: bytes | None) -> None:
    with pytest.raises(LinkError):
        exchange(lambda _: reply, write_two, SOON_MS)


@pytest.mark.parametrize(
    "reply",
    [
        read_answer(3, function=BOTH),
        read_answer(5, function=BOTH),
        read_answer(4),
        read_answer(1, function=BOTH, byte_count=8),
        write_answer(200, 2),
        bytes([BOTH | 0x80, 1]),
        b"",
        None,
    ],
    ids=["short", "long", "of a read", "count lies", "of a write", "exception", "silence", "closed"],
)
def test_a_wrong_answer_to_fc23_is_a_link_error(reply: bytes | None) -> None:
    with pytest.raises(LinkError):
        exchange(lambda _: reply, write_two_read_four, SOON_MS)


@pytest.mark.parametrize("use", [read_four, write_two, write_two_read_four])
def test_a_connection_that_breaks_wakes_the_call_under_way(use: Callable[[ModbusConnection], Awaitable[None]]) -> None:
    with pytest.raises(LinkError, match="the connection broke"):
        exchange(lambda _: None, use, timeout_ms=600_000)


@pytest.mark.parametrize("use", [read_four, write_two, write_two_read_four])
def test_a_connection_that_broke_between_two_exchanges_is_a_link_error(
    use: Callable[[ModbusConnection], Awaitable[None]],
) -> None:
    """pymodbus raises this at the call, before there is anything to await."""

    async def use_after_the_break(connection: ModbusConnection) -> None:
        with suppress(LinkError):
            await connection.read(0, 4)
        await use(connection)

    with pytest.raises(LinkError):
        exchange(lambda _: None, use_after_the_break)


def test_nobody_listening_is_a_link_error() -> None:
    async def connect() -> None:
        async with ModbusConnection(tcp_endpoint("127.0.0.1", 1), 1, 100):
            pass

    with pytest.raises(LinkError, match=r"127\.0\.0\.1:1"):
        asyncio.run(connect())
