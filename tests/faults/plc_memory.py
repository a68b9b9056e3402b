"""A third party that looks into the PLC's memory over Modbus, as an HMI would."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from pymodbus.client import ModbusTcpClient

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.registers import Block

SAMPLE_S = 0.002


class PlcMemory:
    """One connection; each look is one read."""

    def __init__(self, port: int) -> None:
        self._client = ModbusTcpClient("127.0.0.1", port=port)
        self._client.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def agent(self, name: str) -> int:
        """A register of the agent's block."""
        return AGENT_BLOCK.get(self._words(AGENT_BLOCK), name)

    def plc(self, name: str) -> int:
        """A register of the PLC's own block."""
        return PLC_BLOCK.get(self._words(PLC_BLOCK), name)

    def _words(self, block: Block) -> list[int]:
        return list(self._client.read_holding_registers(block.base, count=block.count).registers)


class HeartbeatWatch:
    """Samples AGENT_HB while the `with` lasts; `moved_s`: the first look, and each at which it had moved.

    A sampler that is itself held up finds gaps too long, never too short.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._looking, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="heartbeat-watch", daemon=True)
        self.moved_s: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        self._looking.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(5)

    def gaps_ms(self) -> list[float]:
        """From each move to the next, the longest last."""
        return sorted((later - earlier) * 1000 for earlier, later in zip(self.moved_s, self.moved_s[1:], strict=False))

    def _watch(self) -> None:
        with PlcMemory(self._port) as memory:
            last = memory.agent("AGENT_HB")
            self.moved_s.append(time.monotonic())
            self._looking.set()
            while not self._over.wait(SAMPLE_S):
                now = memory.agent("AGENT_HB")
                if now != last:
                    last = now
                    self.moved_s.append(time.monotonic())
