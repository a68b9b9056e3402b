"""The simulated PLC as Modbus client ends when it is told to, whatever comes at the same moment."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

import pytest

from agent.local_line import free_port
from agent.plc.register_map import AGENT_BLOCK
from agent.plc.sim import ending
from agent.plc.sim.belt import Belt, TruthLog, blank_parts
from agent.plc.sim.client_wire import ClientWire
from agent.plc.sim.ending import end
from agent.plc.sim.simulator import LineOptions, SimulatedLine
from agent.plc.sim.wire import SimWireOptions
from agent.plc.wires.serving import ServingWire
from tests.plc.recording_link import RecordingLink


def test_a_task_that_loses_a_cancel_is_ended_and_one_that_loses_all_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "LIMIT_S", 0.2)

    async def loses(cancels: int) -> None:
        while cancels:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancels -= 1

    async def run() -> None:
        stubborn = [asyncio.create_task(loses(1)), asyncio.create_task(loses(7))]
        await asyncio.sleep(0)
        assert await end(stubborn[:1])
        assert not await end(stubborn[1:])
        await end(stubborn[1:])

    asyncio.run(run())


def test_drop_restart_and_quit_at_once_leave_one_client_and_then_none() -> None:
    """Two clients would fight: the server believes the newest only, the other is answered exception 6."""

    async def run() -> None:
        link, port = RecordingLink(), free_port()
        serving = asyncio.create_task(ServingWire("127.0.0.1", port).exchange_forever(link))
        wire = ClientWire("127.0.0.1", port)
        await wire.start()

        async def restart() -> None:
            await wire.drop()
            await wire.stop()
            await wire.start([7] * AGENT_BLOCK.count)

        await asyncio.gather(wire.drop(), restart(), wire.drop(), restart())
        clients = [task for task in asyncio.all_tasks() if "_exchange_forever" in repr(task)]
        assert len(clients) == 1
        await wire.stop()
        await wire.drop()
        assert all(task.done() for task in clients), "stopped, it still goes on"
        assert not [task for task in asyncio.all_tasks() if "_exchange_forever" in repr(task)]
        link.stop()
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, 5)

    asyncio.run(asyncio.wait_for(run(), 20))


def test_the_end_is_sure_although_the_answer_comes_with_the_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As asyncio.wait_for of Python 3.11 does it: the cancel is swallowed, the answer is taken, every time."""

    class Connection:
        async def __aenter__(self) -> Connection:
            return self

        async def __aexit__(self, *failure: object) -> None: ...

        async def write(self, address: int, values: list[int]) -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

        async def read(self, address: int, count: int) -> list[int]:
            return [0] * count

    monkeypatch.setattr("agent.plc.sim.client_wire.ModbusConnection", lambda *_: Connection())

    async def run() -> None:
        wire = ClientWire("127.0.0.1", 1)
        await wire.start()
        (task,) = (task for task in asyncio.all_tasks() if "_exchange_forever" in repr(task))
        for _ in range(3):
            await wire.put([1])
            await asyncio.sleep(0.01)
        await wire.stop()
        assert task.done()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_the_first_signal_asks_and_the_second_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exits: list[int] = []
    monkeypatch.setattr("agent.plc.sim.simulator.os._exit", exits.append)
    wire = SimWireOptions("127.0.0.1", free_port(), "client")
    options = LineOptions(wire, f"tcp://127.0.0.1:{free_port()}", scan_ms=5, decide_ms=400, mm_s=320)
    line = SimulatedLine(Belt(blank_parts(1), 32, 128), TruthLog(None), options)
    ending_now = asyncio.Event()

    async def never_ends() -> None:
        ending_now.set()
        await asyncio.sleep(0.2)

    monkeypatch.setattr(line.wire, "stop", never_ends)

    async def run() -> None:
        running = asyncio.create_task(line.run())
        await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        await ending_now.wait()
        assert not exits
        os.kill(os.getpid(), signal.SIGINT)
        await running

    asyncio.run(asyncio.wait_for(run(), 20))
    assert exits == [1]
