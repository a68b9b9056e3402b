"""How the simulated PLC's memory lies on the wire: the scan reads the agent's image and puts its own."""

from __future__ import annotations

import errno
from typing import Protocol

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.errors import ConfigError
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK

FC_READ, FC_WRITE = 3, 16


class SimWire(Protocol):
    """The PLC's memory as the scan sees it; what the agent does to it happens between two scans."""

    async def start(self) -> None:
        """Open it; ConfigError when it cannot be had."""
        ...

    async def agent_image(self) -> list[int]:
        """The agent's block as it stands in the memory now."""
        ...

    async def put(self, words: list[int], first: int = 0) -> None:
        """Write (a part of) the PLC's block, from register `first` of it on."""
        ...

    async def stop(self) -> None:
        """Close it."""
        ...


class TcpServerWire:
    """The PLC is a Modbus TCP server."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port

    async def start(self) -> None:
        registers = SimData(0, count=AGENT_BLOCK.base + AGENT_BLOCK.count + 1, datatype=DataType.REGISTERS)
        self._server = ModbusTcpServer(SimDevice(1, simdata=[registers]), address=(self._host, self._port))
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

    async def stop(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]


def _in_use(host: str, port: int, error: Exception) -> str:
    why = "port is in use" if getattr(error, "errno", errno.EADDRINUSE) == errno.EADDRINUSE else str(error)
    return f"PLC simulator cannot listen on {host}:{port}: {why}: stop the other program or choose another --port"
