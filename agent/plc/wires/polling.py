"""The client's role: the agent polls the PLC, one read and one write a cycle, a new verdict written at once.

Reconnecting is ours; a connection on which anything was wrong is not used again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.wires.coil_output import CoilOutput
from agent.plc.wires.link_end import LinkEnd
from agent.plc.wires.modbus import LinkError, ModbusConnection, Refused
from agent.plc.wires.ticking import ticking

RECONNECT_S = 0.05
REFUSED_S = 1.0
"""A PLC that answers with an exception will give the same answer at once."""
"""Two attempts to connect are so far apart: a connection that has held for longer is renewed at once."""


class Profile(Protocol):
    """How the two images travel."""

    combined: bool
    """One request writes and reads (FC23); else a cycle reads, then writes."""

    async def read(self, connection: ModbusConnection) -> list[int]:
        """The PLC's image."""
        ...

    async def write(self, connection: ModbusConnection, image: list[int]) -> None:
        """Put the agent's image into the PLC."""
        ...

    async def write_read(self, connection: ModbusConnection, image: list[int]) -> list[int]:
        """Both in one request, the write first; the PLC's image."""
        ...


class Words:
    """Profile A: FC03 and FC16, or FC23 for both."""

    def __init__(self, combined: bool) -> None:
        self.combined = combined

    async def read(self, connection: ModbusConnection) -> list[int]:
        return await connection.read(PLC_BLOCK.base, PLC_BLOCK.count)

    async def write(self, connection: ModbusConnection, image: list[int]) -> None:
        await connection.write(AGENT_BLOCK.base, image)

    async def write_read(self, connection: ModbusConnection, image: list[int]) -> list[int]:
        return await connection.write_read(AGENT_BLOCK.base, image, PLC_BLOCK.base, PLC_BLOCK.count)


class PollingWire:
    """`connect` gives a new connection for each attempt."""

    def __init__(self, connect: Callable[[], ModbusConnection], profile: Profile, cycle_ms: float) -> None:
        self._connect, self._profile, self._cycle_s = connect, profile, cycle_ms / 1000

    async def exchange_forever(self, link: LinkEnd) -> None:
        """Connect, exchange until something fails, connect again; deadlines run on meanwhile."""
        async with ticking(link):
            while not link.stopping:
                tried_s = time.monotonic()
                try:
                    async with self._connect() as connection:
                        await self._exchange(connection, link)
                except LinkError as error:
                    link.report(str(error))
                    pause_s = REFUSED_S if isinstance(error, Refused) else RECONNECT_S
                    await asyncio.sleep(tried_s + pause_s - time.monotonic())

    async def _exchange(self, connection: ModbusConnection, link: LinkEnd) -> None:
        """One cycle after the other at an absolute cadence; between two, write every new verdict and coil at once."""
        await self._read(connection, link)
        output = CoilOutput(connection, link)
        await output.drive()  # before the PLC is told READY
        cycle = self._write_read if self._profile.combined else self._read_write
        next_cycle_s = time.monotonic()
        while not link.stopping:
            await cycle(connection, link)
            await output.drive()
            next_cycle_s = max(next_cycle_s + self._cycle_s, time.monotonic())
            await self._until(next_cycle_s, connection, output, link)
        await output.drive()
        await self._write(connection, link)

    async def _until(self, end_s: float, connection: ModbusConnection, output: CoilOutput, link: LinkEnd) -> None:
        """Verdicts before coils: a verdict is for the PLC's arm too, and may not wait."""
        while not link.stopping:
            wake_s = min(end_s, output.next_s)
            if await link.bell.rung_before(wake_s):
                await self._write(connection, link)
            elif wake_s >= end_s:
                return
            await output.drive()

    async def _read_write(self, connection: ModbusConnection, link: LinkEnd) -> None:
        await self._read(connection, link)
        await self._write(connection, link)

    async def _write_read(self, connection: ModbusConnection, link: LinkEnd) -> None:
        image = link.image()
        sent_ns = time.monotonic_ns()
        words = await self._profile.write_read(connection, image)
        received_ns = time.monotonic_ns()
        link.acknowledged(image, received_ns)
        link.digest(words, sent_ns, received_ns)

    async def _read(self, connection: ModbusConnection, link: LinkEnd) -> None:
        sent_ns = time.monotonic_ns()
        words = await self._profile.read(connection)
        link.digest(words, sent_ns, time.monotonic_ns())

    async def _write(self, connection: ModbusConnection, link: LinkEnd) -> None:
        image = link.image()
        await self._profile.write(connection, image)
        link.acknowledged(image, time.monotonic_ns())
