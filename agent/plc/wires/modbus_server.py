"""A Modbus TCP server for holding registers: FC03, FC16 and FC23, every request answered in the order it came.

pymodbus' own server keeps one request in hand: of two in one TCP segment it answers the first only, and its
answers carry the newest transaction id, so a stale one looks fresh (handbook: domain.md §3.4). Its PDUs are used.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadHoldingRegistersResponse,
    ReadWriteMultipleRegistersRequest,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersRequest,
    WriteMultipleRegistersResponse,
)

MAX_PEERS = 32
SHORTEST, LONGEST = 2, 254
"""Unit id and PDU: what the length word of a header may say."""
FUNCTIONS = {3: 5, 16: 6, 23: 10}
"""Function code → bytes of its request before the values."""
DEAD_PEER_OPTIONS = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 1, socket.TCP_KEEPCNT: 3}
"""A peer whose power was cut is gone after 8 s."""


@dataclass(frozen=True)
class Peer:
    """One connection; the higher the number, the newer."""

    number: int
    name: str


class Refusal(Exception):
    """The request is answered with this Modbus exception."""

    def __init__(self, code: ExcCodes) -> None:
        super().__init__(code.name)
        self.code = code


class Registers(Protocol):
    """What is served; Refusal for ranges that may not be touched."""

    def read(self, peer: Peer, address: int, count: int) -> list[int]:
        """Exactly `count` words."""
        ...

    def write(self, peer: Peer, address: int, values: list[int]) -> None:
        """Take them."""
        ...

    def left(self, peer: Peer) -> None:
        """The connection is closed."""
        ...


@asynccontextmanager
async def modbus_server(listening: socket.socket, registers: Registers) -> AsyncIterator[None]:
    """Serve on a listening socket while the body runs. What `registers` raises beside Refusal ends the body too."""
    peers: dict[asyncio.Task[None], None] = {}  # oldest first
    numbers, ending = count(1), asyncio.Event()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if ending.is_set():  # it came with the end: nobody would cancel its task
            writer.close()
            return
        if len(peers) >= MAX_PEERS:  # idle ones may not lock the PLC out; the one that writes comes back at once
            next(iter(peers)).cancel()
        task = group.create_task(_serve(Peer(next(numbers), _name(writer)), reader, writer, registers))
        peers[task] = None
        task.add_done_callback(lambda done: peers.pop(done))

    async with asyncio.TaskGroup() as group:
        server = await asyncio.start_server(accept, sock=listening)
        try:
            yield
        finally:
            ending.set()
            server.close()
            for task in peers:
                task.cancel()


async def _serve(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, registers: Registers) -> None:
    """One request after the other until the peer goes, or speaks something else than Modbus TCP."""
    _watch_for_death(writer)
    framer = FramerSocket(DecodePDU(is_server=True))
    try:
        while request := await _next_request(reader):
            answer = _answer(request.pdu, framer.decoder, peer, registers)
            answer.transaction_id, answer.dev_id = request.transaction, request.unit
            await _send(writer, framer.buildFrame(answer))
    finally:
        registers.left(peer)
        writer.close()


@dataclass(frozen=True)
class _Request:
    transaction: int
    unit: int
    pdu: bytes


async def _next_request(reader: asyncio.StreamReader) -> _Request | None:
    """None: the stream is at its end, or out of step."""
    try:
        transaction, protocol, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
        if protocol or not SHORTEST <= length <= LONGEST:
            return None
        return _Request(transaction, unit, await reader.readexactly(length - 1))
    except (asyncio.IncompleteReadError, OSError):
        return None


async def _send(writer: asyncio.StreamWriter, frame: bytes) -> None:
    """A connection that breaks here shows at the next read."""
    with suppress(OSError):
        writer.write(frame)
        await writer.drain()


def _answer(pdu: bytes, decoder: DecodePDU, peer: Peer, registers: Registers) -> ModbusPDU:
    function = pdu[0]
    if function not in FUNCTIONS:
        return ExceptionResponse(function, ExcCodes.ILLEGAL_FUNCTION)
    request = decoder.decode(pdu)
    if request is None or not _consistent(request, len(pdu)):
        return ExceptionResponse(function, ExcCodes.ILLEGAL_VALUE)
    try:
        return _carry_out(request, peer, registers)
    except Refusal as refusal:
        return ExceptionResponse(function, refusal.code)


def _consistent(request: ModbusPDU, size: int) -> bool:
    """Do count, byte count and length of the request agree?"""
    if isinstance(request, WriteMultipleRegistersRequest):
        values, count, byte_count = len(request.registers), request.count, request.byte_count
    elif isinstance(request, ReadWriteMultipleRegistersRequest):
        values, count, byte_count = len(request.write_registers), request.write_count, request.write_byte_count
    else:
        return size == FUNCTIONS[request.function_code]
    return values == count > 0 and byte_count == 2 * count and size == FUNCTIONS[request.function_code] + 2 * count


def _carry_out(request: ModbusPDU, peer: Peer, registers: Registers) -> ModbusPDU:
    """FC23 writes before it reads."""
    if isinstance(request, ReadHoldingRegistersRequest):
        return ReadHoldingRegistersResponse(registers=registers.read(peer, request.address, request.count))
    if isinstance(request, WriteMultipleRegistersRequest):
        registers.write(peer, request.address, list(request.registers))
        return WriteMultipleRegistersResponse(address=request.address, count=request.count)
    assert isinstance(request, ReadWriteMultipleRegistersRequest)
    registers.write(peer, request.write_address, list(request.write_registers))
    return ReadWriteMultipleRegistersResponse(registers=registers.read(peer, request.read_address, request.read_count))


def _watch_for_death(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in DEAD_PEER_OPTIONS.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _name(writer: asyncio.StreamWriter) -> str:
    host, port, *_ = writer.get_extra_info("peername") or ("?", 0)
    return f"{host}:{port}"
