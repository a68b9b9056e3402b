"""How the simulated PLC's memory lies on the wire: the scan reads the agent's image and puts its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.errors import ConfigError
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK

FC_READ, FC_WRITE, FC_READ_COILS = 3, 16, 1
COILS = 16
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class SimWire(Protocol):
    """The PLC's memory as the scan sees it; what the agent does to it happens between two scans."""

    async def start(self, kept: Sequence[int] = ()) -> None:
        """Open it with `kept` as the agent's block, else with memory of zeros; ConfigError when it cannot be had."""
        ...

    async def agent_image(self) -> list[int]:
        """The agent's block as it stands in the memory now."""
        ...

    async def coils(self) -> list[bool]:
        """The outputs that the agent drives by itself, as they stand now (a station that times the reject arm)."""
        ...

    async def put(self, words: list[int], first: int = 0) -> None:
        """Write (a part of) the PLC's block, from register `first` of it on."""
        ...

    async def drop(self) -> None:
        """Break every connection at once."""
        ...

    async def stop(self) -> None:
        """Close it."""
        ...


class TcpServerWire:
    """The PLC is a Modbus TCP server. `spoil`: what happens to each answer on its way out (a fault of the menu)."""

    def __init__(self, host: str, port: int, spoil: Callable[[bytes], bytes] = bytes) -> None:
        self._host, self._port, self._spoil = host, port, spoil

    async def start(self, kept: Sequence[int] = ()) -> None:
        memory = [0] * (AGENT_BLOCK.base + AGENT_BLOCK.count + 1)
        memory[AGENT_BLOCK.base : AGENT_BLOCK.base + len(kept)] = kept
        registers = SimData(0, values=memory, datatype=DataType.REGISTERS)
        coils, inputs = (SimData(0, values=[False] * COILS, datatype=DataType.BITS) for _ in range(2))
        # blocks of their own: in a shared one coil n would be a bit of register n
        device = SimDevice(1, simdata=([coils], [inputs], [registers], [SimData(0, datatype=DataType.REGISTERS)]))
        self._server = ModbusTcpServer(device, address=(self._host, self._port), trace_packet=self._trace)
        try:
            await self._server.serve_forever(background=True)
        except (OSError, RuntimeError) as error:
            raise ConfigError(_in_use(self._host, self._port, error)) from error

    async def agent_image(self) -> list[int]:
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
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            transport.abort()

    def _trace(self, sending: bool, packet: bytes) -> bytes:
        return self._spoil(packet) if sending else packet

    async def stop(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]


def _in_use(host: str, port: int, error: Exception) -> str:
    why = "port is in use" if getattr(error, "errno", errno.EADDRINUSE) == errno.EADDRINUSE else str(error)
    return f"PLC simulator cannot listen on {host}:{port}: {why}: stop the other program or choose another --port"
