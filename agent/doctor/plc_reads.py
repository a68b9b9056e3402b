"""Reading a PLC for some time at the station's own cadence, and how long each read takes. Nothing is written."""

from __future__ import annotations

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

from agent.plc.bit_map import PLC_BITS
from agent.plc.commissioning.probe import CONNECT_TRIES, PATIENCE_MS
from agent.plc.open_link import open_endpoint
from agent.plc.register_map import PLC_BLOCK
from agent.plc.wires.modbus import LinkError, ModbusConnection
from agent.plc_config import PlcConfig

AGAIN_S = 0.2
END_S = 5.0


class Reads:
    """`with Reads(plc) as reads:` has a thread that reads; `times_ms` then has what each took."""

    def __init__(self, plc: PlcConfig) -> None:
        self._plc, self._stop = plc, threading.Event()
        self.times_ms: list[float] = []
        self.inputs: list[list[bool]] = []
        """Profile bits: what was read."""
        self.trouble = ""
        """Why it ended before it was told to."""
        self._thread = threading.Thread(target=self._run, name="plc-reads", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(END_S)

    def _run(self) -> None:
        """Many PLCs take one connection at a time, and need a moment to see that the last one has gone."""
        for _ in range(CONNECT_TRIES):
            try:
                asyncio.run(self._read_on())
                return
            except LinkError as error:
                self.trouble = str(error)
                if self.times_ms or self._stop.wait(AGAIN_S):
                    return

    async def _read_on(self) -> None:
        plc = self._plc
        async with ModbusConnection(open_endpoint(plc), plc.device_id, PATIENCE_MS) as connection:
            while not self._stop.is_set():
                begun_s = time.monotonic()
                if plc.profile == "bits":
                    self.inputs.append(await connection.read_inputs(0, len(PLC_BITS.bits)))
                else:
                    await connection.read(PLC_BLOCK.base, PLC_BLOCK.count)
                took_s = time.monotonic() - begun_s
                self.times_ms.append(took_s * 1000)
                self.trouble = ""
                await asyncio.sleep(max(0.0, plc.cycle_ms / 1000 - took_s))
