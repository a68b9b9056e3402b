"""The simulated PLC as Modbus server, as most are: over TCP, or RTU on a serial device."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.base import ModbusBaseServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.errors import ConfigError
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.wires.endpoint import PARITY, obstacle
from agent.plc.wires.serial_timing import SerialLine

FC_READ, FC_WRITE, FC_READ_COILS = 3, 16, 1
COILS = 16
RST_ON_CLOSE = struct.pack("ii", 1, 0)
REOPEN_S = 0.2
Trace = Callable[[bool, bytes], bytes]
"""(sending, packet) → the packet as it shall go on."""


@dataclass(frozen=True)
class Opening:
    """A pymodbus server that is not yet open; `obstacle` says why it cannot be, '' = it can."""

    protocol: str
    place: str
    make: Callable[[SimDevice, Trace], ModbusBaseServer]
    obstacle: Callable[[], str]
    vanishes: bool
    """May what it listens on be unplugged?"""


def tcp_server(host: str, port: int) -> Opening:
    """Modbus TCP on this address."""
    return Opening(
        "Modbus TCP",
        f"{host}:{port}",
        lambda device, trace: ModbusTcpServer(device, address=(host, port), trace_packet=trace),
        lambda: _taken(host, port),
        vanishes=False,
    )


def rtu_server(line: SerialLine) -> Opening:
    """Modbus RTU on this line."""
    return Opening(
        "Modbus RTU",
        f"{line.device} at {line.baud_rate} baud",
        lambda device, trace: ModbusSerialServer(
            device,
            port=line.device,
            baudrate=line.baud_rate,
            parity=PARITY[line.parity],
            stopbits=line.stop_bits,
            trace_packet=trace,
        ),
        lambda: obstacle(line),
        vanishes=True,
    )


def memory_of(coils: list[bool], registers: list[int]) -> SimDevice:
    """A PLC's memory: tables of their own, for in a shared one coil n would be a bit of register n."""
    outputs, inputs = (SimData(0, values=bits, datatype=DataType.BITS) for bits in (coils, [False] * COILS))
    words = SimData(0, values=registers, datatype=DataType.REGISTERS)
    return SimDevice(1, simdata=([outputs], [inputs], [words], [SimData(0, datatype=DataType.REGISTERS)]))


class ServerWire:
    """The agent reads and writes this memory whenever it likes."""

    def __init__(self, opening: Opening, spoil: Callable[[bytes], bytes] = bytes) -> None:
        self.where = f"{opening.protocol} on {opening.place}"
        self._opening, self._spoil = opening, spoil
        self._next_reopening_s = 0.0

    async def start(self, kept: Sequence[int] = ()) -> None:
        registers = [0] * (AGENT_BLOCK.base + AGENT_BLOCK.count + 1)
        registers[AGENT_BLOCK.base : AGENT_BLOCK.base + len(kept)] = kept
        await self._serve(memory_of([False] * COILS, registers))

    async def _serve(self, memory: SimDevice) -> None:
        self._server = self._opening.make(memory, self._trace)
        if obstacle := self._opening.obstacle():
            raise ConfigError(f"PLC simulator cannot listen on {self._opening.place}: {obstacle}")
        await self._server.serve_forever(background=True)

    async def agent_image(self) -> list[int]:
        await self._reopen_if_unplugged()
        words = await self._server.async_getValues(1, FC_READ, AGENT_BLOCK.base, AGENT_BLOCK.count)
        assert not isinstance(words, ExcCodes)
        return [int(word) for word in words]

    async def put(self, words: list[int], first: int = 0) -> None:
        await self._server.async_setValues(1, FC_WRITE, PLC_BLOCK.base + first, list(words))

    async def coils(self) -> list[bool]:
        states = await self._server.async_getValues(1, FC_READ_COILS, 0, COILS)
        return [bool(state) for state in states]

    async def drop(self) -> None:
        for connection in list(self._server.active_connections.values()):
            transport = cast(asyncio.Transport, connection.transport)
            if (tcp := transport.get_extra_info("socket")) is not None:
                tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            transport.abort()

    def _trace(self, sending: bool, packet: bytes) -> bytes:
        return self._spoil(packet) if sending else packet

    async def stop(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]

    async def _reopen_if_unplugged(self) -> None:
        """pymodbus does not open a serial device again that was lost."""
        lost = self._opening.vanishes and not self._server.active_connections
        if lost and time.monotonic() >= self._next_reopening_s:
            self._next_reopening_s = time.monotonic() + REOPEN_S
            if not self._opening.obstacle():
                await self._server.listen()


def _taken(host: str, port: int) -> str:
    """pymodbus does not say why it cannot listen."""
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        why = "port is in use" if error.errno == errno.EADDRINUSE else str(error)
        return f"{why}: stop the other program or choose another --port"
    return ""
