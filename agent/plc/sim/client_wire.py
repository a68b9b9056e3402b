"""The simulated PLC as Modbus client: it writes its own block to the station and reads the station's, once a scan."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.sim.ending import end
from agent.plc.wires.endpoint import tcp_endpoint
from agent.plc.wires.modbus import LinkError, ModbusConnection

log = logging.getLogger(__name__)

TIMEOUT_MS = 200.0
RECONNECT_S = 0.2
COILS = 16


class ClientWire:
    """The scan goes on at its cadence while the link is down; it then sees the image that came last."""

    def __init__(self, host: str, port: int) -> None:
        self.where = f"Modbus TCP client of {host}:{port}"
        self._endpoint = tcp_endpoint(host, port, who="station")
        self._agent = [0] * AGENT_BLOCK.count
        self._words = [0] * PLC_BLOCK.count
        self._scanned = asyncio.Event()
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        """Of the task: a cancel alone can be lost (agent/plc/sim/ending.py)."""
        self._one_at_a_time = asyncio.Lock()

    async def start(self, kept: Sequence[int] = ()) -> None:
        async with self._one_at_a_time:
            await self._stop()
            self._start(kept)

    def _start(self, kept: Sequence[int]) -> None:
        self._agent = list(kept) or [0] * AGENT_BLOCK.count
        self._stopped = asyncio.Event()
        self._task = asyncio.create_task(self._exchange_forever(self._stopped))

    async def agent_image(self) -> list[int]:
        if self._task is not None and self._task.done():
            self._task.result()
        return list(self._agent)

    async def put(self, words: list[int], first: int = 0) -> None:
        self._words[first : first + len(words)] = words
        self._scanned.set()

    async def coils(self) -> list[bool]:
        return [False] * COILS  # a station that is a server has none to give

    async def drop(self) -> None:
        async with self._one_at_a_time:
            if self._task is not None:  # a PLC without power has no connection to lose
                await self._stop()
                self._start(self._agent)

    async def stop(self) -> None:
        async with self._one_at_a_time:
            await self._stop()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        self._stopped.set()
        if task is not None:
            await end([task])

    async def _exchange_forever(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            try:
                async with ModbusConnection(self._endpoint, 1, TIMEOUT_MS) as connection:
                    await self._exchange(connection, stopped)
            except LinkError as error:
                self._report(str(error))
                await asyncio.sleep(RECONNECT_S)

    async def _exchange(self, connection: ModbusConnection, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self._scanned.wait()
            self._scanned.clear()
            await connection.write(PLC_BLOCK.base, list(self._words))
            self._agent = await connection.read(AGENT_BLOCK.base, AGENT_BLOCK.count)
            self._report("")

    def _report(self, trouble: str) -> None:
        """Log each change once."""
        if trouble != self._trouble:
            log.warning("%s", trouble) if trouble else log.info("link to the station is good")
        self._trouble = trouble
