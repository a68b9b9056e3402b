"""Small PLCs in a process: the real PLC program, or one with a mistake, behind a real Modbus TCP server each.

`python -m tests.plc.plc_process PORT:MISTAKE …`: parts come every PITCH_MS while the program lets the line run.
Lines on stdin are the operator's hands: `PORT restart`, or `PORT FIELD VALUE` of the program's panel.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.local_line import free_port
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK, RING_SLOTS, VerdictCode
from agent.plc.sim.inputs import STANDING, BeltInputs, Edge
from agent.plc.sim.program import PlcProgram, QueuedPart

SCAN_S = 0.005
PITCH_MS = 40
DECIDE_MS = 250
END = AGENT_BLOCK.base + AGENT_BLOCK.count


class IgnoresEpochs(PlcProgram):
    def _watch_agent(self, now_ms: int, agent: list[int]) -> None:
        agent = list(agent)
        AGENT_BLOCK.put(agent, "PLC_EPOCH_ECHO", self.epoch)
        super()._watch_agent(now_ms, agent)

    def _copy_verdicts(self, now_ms: int, agent: list[int], belt: BeltInputs) -> None:
        for part in self.queue:
            part.agent_epoch = AGENT_BLOCK.get(agent, "AGENT_EPOCH")
        super()._copy_verdicts(now_ms, agent, belt)


class TakesBareWords(PlcProgram):
    def _copy_verdicts(self, now_ms: int, agent: list[int], belt: BeltInputs) -> None:
        agent = list(agent)
        for place in range(RING_SLOTS):
            slot = AGENT_BLOCK.slot(agent, "RESULT", place)
            if slot["verdict"] in set(VerdictCode):
                slot["verdict"] = int(slot["verdict"]) ^ int(slot["seq"])
                AGENT_BLOCK.put_slot(agent, "RESULT", place, slot)
        super()._copy_verdicts(now_ms, agent, belt)


class DecidesLate(PlcProgram):
    def _past(self, part: QueuedPart, now_ms: int, belt: BeltInputs) -> int:
        return now_ms - part.triggered_ms - 2 * self.decide_ms


class IgnoresHeartbeat(PlcProgram):
    def _watch_agent(self, now_ms: int, agent: list[int]) -> None:
        self._agent_moved_ms = now_ms
        super()._watch_agent(now_ms, agent)


class StandingHeartbeat(PlcProgram):
    def scan(self, now_ms: int, edges: list[Edge], agent: list[int], belt: BeltInputs = STANDING) -> list[QueuedPart]:
        decided = super().scan(now_ms // 10, edges, agent, belt)
        PLC_BLOCK.put(self.words, "PLC_HB", 7)
        return decided


MISTAKES: dict[str, type[PlcProgram]] = {
    "epochs": IgnoresEpochs,
    "bare words": TakesBareWords,
    "late": DecidesLate,
    "heartbeat": IgnoresHeartbeat,
    "standing": StandingHeartbeat,
}
LAYOUTS: dict[str, Callable[[list[int]], list[int]]] = {
    "offset": lambda words: [0, 0, *words[:-2]],
    "swapped": lambda words: [word >> 8 | (word & 0xFF) << 8 for word in words],
}


class Plcs:
    """The process, seen from a test."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        self.port = {mistake: free_port() for mistake in mistakes}
        pairs = [f"{port}:{mistake}" for mistake, port in self.port.items()]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.plc.plc_process", *pairs], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"serving\n"

    def hand(self, mistake: str, what: str) -> None:
        """The operator's hand on the PLC with that mistake."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self.port[mistake]} {what}\n".encode())
        self._process.stdin.flush()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def plc_process(*mistakes: str) -> Iterator[Plcs]:
    """A PLC for each mistake; '' has none."""
    plcs = Plcs(mistakes)
    try:
        yield plcs
    finally:
        plcs.stop()


class Plc:
    """One PLC on one port."""

    def __init__(self, port: int, mistake: str) -> None:
        self._kind, self._lay = MISTAKES.get(mistake, PlcProgram), LAYOUTS.get(mistake, list)
        self._count = 100 if mistake == "short" else END
        self._program, self._part_id, self._next_ms = self._kind(1, DECIDE_MS), 70_000, 0
        memory = SimData(0, count=self._count, datatype=DataType.REGISTERS)
        self._server = ModbusTcpServer(SimDevice(1, simdata=[memory]), address=("127.0.0.1", port))

    def hand(self, words: list[str]) -> None:
        """What the operator does."""
        if words == ["restart"]:
            self._program, self._part_id = self._kind(self._program.epoch + 1, DECIDE_MS), 70_000
        else:
            setattr(self._program.panel, words[0], int(words[1]))

    async def run(self) -> None:
        await self._server.serve_forever(background=True)
        while True:
            await self._scan()
            await asyncio.sleep(SCAN_S)

    async def _scan(self) -> None:
        now_ms = int(time.monotonic() * 1000)
        edges = []
        if self._program.running and now_ms >= self._next_ms:
            self._part_id, self._next_ms = self._part_id + 1, now_ms + PITCH_MS
            edges = [Edge(self._part_id, now_ms, challenge=self._program.panel.command_arg > 0)]
        agent = [0] * AGENT_BLOCK.count
        if self._count == END:
            agent = [int(w) for w in await self._server.async_getValues(1, 3, AGENT_BLOCK.base, AGENT_BLOCK.count)]
        self._program.scan(now_ms, edges, agent)
        await self._server.async_setValues(1, 16, PLC_BLOCK.base, self._lay(self._program.words)[: self._count])


async def serve(mistakes: dict[int, str]) -> None:
    """Run until killed."""
    plcs = {port: Plc(port, mistake) for port, mistake in mistakes.items()}

    def listen() -> None:
        port, *words = sys.stdin.readline().split() or ["0"]
        if int(port) in plcs:
            plcs[int(port)].hand(words)

    asyncio.get_running_loop().add_reader(sys.stdin, listen)
    running = [asyncio.create_task(plc.run()) for plc in plcs.values()]
    await asyncio.sleep(0.1)
    print("serving", flush=True)
    await asyncio.gather(*running)


if __name__ == "__main__":
    asyncio.run(serve({int(port): mistake for port, _, mistake in (pair.partition(":") for pair in sys.argv[1:])}))
