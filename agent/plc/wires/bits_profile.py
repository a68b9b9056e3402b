"""How profile B's images travel: FC02 reads the inputs; FC16 writes the registers, and FC15 the coils after it."""

from __future__ import annotations

from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.wires.modbus import ModbusConnection


class Bits:
    """Profile B. The PLC's image ends with the number of the connection: after a broken one nothing is as it was."""

    combined = False

    def __init__(self) -> None:
        self._connection: ModbusConnection | None = None
        self._connections = 0

    async def read(self, connection: ModbusConnection) -> list[int]:
        if connection is not self._connection:
            self._connection, self._connections = connection, self._connections + 1
        inputs = await connection.read_inputs(0, len(PLC_BITS.bits))
        return [*map(int, inputs), self._connections]

    async def write(self, connection: ModbusConnection, image: list[int]) -> None:
        coils, registers = AGENT_BITS.split(image)
        await connection.write(0, registers)
        await connection.write_coils(0, coils)

    async def write_read(self, connection: ModbusConnection, image: list[int]) -> list[int]:
        """Two requests at least: there is no combined one for bits."""
        await self.write(connection, image)
        return await self.read(connection)
