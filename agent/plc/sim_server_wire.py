"""The simulated PLC as Modbus server, as most are: over TCP, or RTU on a serial device."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from dataclasses import dataclass

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.base import ModbusBaseServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.errors import ConfigError
from agent.plc.endpoint import PARITY, why_not
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.serial_timing import SerialLine

FC_READ, FC_WRITE = 3, 16
REOPEN_S = 0.2


@dataclass(frozen=True)
class Opening:
    """A pymodbus server that is not yet open, and what to say when it cannot be opened."""

    where: str
    make: Callable[[SimDevice], ModbusBaseServer]
    why_closed: Callable[[Exception], str]
    vanishes: bool
    """May what it listens on be unplugged?"""


def tcp_server(host: str, port: int) -> Opening:
    """Modbus TCP on this address."""
    return Opening(
        f"Modbus TCP on {host}:{port}",
        lambda device: ModbusTcpServer(device, address=(host, port)),
        lambda error: (
            f"PLC simulator cannot listen on {host}:{port}: {_in_use(error)}: "
            "stop the other program or choose another --port"
        ),
        vanishes=False,
    )


def rtu_server(line: SerialLine) -> Opening:
    """Modbus RTU on this line."""
    return Opening(
        f"Modbus RTU on {line.device} at {line.baud_rate} baud",
        lambda device: ModbusSerialServer(
            device, port=line.device, baudrate=line.baud_rate, parity=PARITY[line.parity], stopbits=line.stop_bits
        ),
        lambda _: f"PLC simulator cannot open {line.device}: {why_not(line)}",
        vanishes=True,
    )


class ServerWire:
    """The agent reads and writes this memory whenever it likes."""

    def __init__(self, opening: Opening) -> None:
        self.where = opening.where
        self._opening = opening
        self._next_reopening_s = 0.0

    async def start(self) -> None:
        registers = SimData(0, count=AGENT_BLOCK.base + AGENT_BLOCK.count + 1, datatype=DataType.REGISTERS)
        self._server = self._opening.make(SimDevice(1, simdata=[registers]))
        try:
            await self._server.serve_forever(background=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(self._opening.why_closed(error)) from error

    async def agent_image(self) -> list[int]:
        await self._reopen_if_unplugged()
        words = await self._server.async_getValues(1, FC_READ, AGENT_BLOCK.base, AGENT_BLOCK.count)
        assert not isinstance(words, ExcCodes)
        return [int(word) for word in words]

    async def put(self, words: list[int], first: int = 0) -> None:
        await self._server.async_setValues(1, FC_WRITE, PLC_BLOCK.base + first, list(words))

    async def stop(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]

    async def _reopen_if_unplugged(self) -> None:
        """pymodbus does not open a serial device again that was lost."""
        lost = self._opening.vanishes and not self._server.active_connections
        if lost and time.monotonic() >= self._next_reopening_s:
            self._next_reopening_s = time.monotonic() + REOPEN_S
            await self._server.listen()


def _in_use(error: Exception) -> str:
    return "port is in use" if getattr(error, "errno", errno.EADDRINUSE) == errno.EADDRINUSE else str(error)
