"""The simulated line with a small PLC: profile B's program, and its memory at the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pymodbus.constants import ExcCodes

from agent.plc.bit_map import AGENT_BITS, PLC_BITS
from agent.plc.sim.bits_program import BitsProgram
from agent.plc.sim.inputs import STANDING, BeltInputs, Edge, Panel
from agent.plc.sim.program import QueuedPart
from agent.plc.sim.server_wire import FC_READ, FC_READ_COILS, Opening, ServerWire, memory_of

FC_READ_INPUTS = 2
LONGEST_SCAN_MS, SLOW_SCANS = 20.0, 4
"""A scan on a busy computer may take so many times what it should; `plc.scan_ms` of the station must be as much."""


@dataclass
class BitsLineProgram(BitsProgram):
    """The program of the simulated line, which goes by time alone."""

    epoch: int = 1
    """Nobody is told."""
    line_mm_s: int = 0
    decide_counts: int = 0
    _scanned_ms: int = 0

    @property
    def agent_moved_ms(self) -> int:
        """When the agent's heartbeat last moved, by the scan's clock."""
        return self._agent_moved_ms

    @property
    def holds_belt(self) -> bool:
        """Must the belt stand? An agent that is down does not stop it: its parts are rejected."""
        return self.stopped

    def scan(self, now_ms: int, edges: list[Edge], agent: list[int], belt: BeltInputs = STANDING) -> list[QueuedPart]:
        """While the belt stands parts come no nearer to the arm, so their timers stand."""
        for part in self.queue if not belt.moves else ():
            part.triggered_ms += now_ms - self._scanned_ms
        self._scanned_ms = now_ms
        return super().scan(now_ms, edges, agent, belt)


def longest_scan_ms(scan_ms: float) -> float:
    """What the program and the station must reckon with."""
    return max(LONGEST_SCAN_MS, SLOW_SCANS * scan_ms)


def bits_program(decide_ms: int, scan_ms: float, panel: Panel, epoch: int) -> BitsLineProgram:
    """As after power-up."""
    return BitsLineProgram(decide_ms, longest_scan_ms(scan_ms), panel, epoch=epoch)


class BitsServerWire(ServerWire):
    """Discrete inputs, coils and HR0–2 in tables of their own."""

    def __init__(self, opening: Opening, spoil: Callable[[bytes], bytes] = bytes) -> None:
        super().__init__(opening, spoil)
        self._inputs = PLC_BITS.new()

    async def start(self, kept: Sequence[int] = ()) -> None:
        coils, registers = AGENT_BITS.split(list(kept) or AGENT_BITS.new())
        await self._serve(memory_of(coils, registers))

    async def agent_image(self) -> list[int]:
        await self._reopen_if_unplugged()
        coils = await self._server.async_getValues(1, FC_READ_COILS, 0, len(AGENT_BITS.bits))
        registers = await self._server.async_getValues(1, FC_READ, 0, len(AGENT_BITS.registers))
        assert not isinstance(coils, ExcCodes)
        assert not isinstance(registers, ExcCodes)
        return [*map(int, coils), *map(int, registers)]

    async def put(self, words: list[int], first: int = 0) -> None:
        self._inputs[first : first + len(words)] = words
        await self._server.async_setValues(1, FC_READ_INPUTS, 0, [bool(bit) for bit in self._inputs])
