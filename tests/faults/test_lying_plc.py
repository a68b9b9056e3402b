"""F3: wrong answers of every kind. None may become a verdict, none may crash the link, and after each it comes back."""

from __future__ import annotations

import asyncio
import logging
import struct
import subprocess
import sys
from collections import deque
from contextlib import suppress
from subprocess import Popen
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agent.plc.wires.endpoint import tcp_endpoint
from agent.plc.wires.modbus import LinkError, ModbusConnection
from tests.conftest import ROOT
from tests.faults.lying_plc import READ, WRITE, packed
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import ScriptedLine
from tests.faults.sizes import SEED, sized

# --- the whole line against a PLC that lies --------------------------------------------------------------------------


class LiedToLine(ScriptedLine):
    """The lying PLC in the place of the simulator."""

    def start(self, name: str, arguments: list[str]) -> Popen[bytes]:
        if name != "simulator":
            return super().start(name, arguments)
        with self.log(name).open("ab") as log:
            command = [sys.executable, "-m", "tests.faults.lying_plc", *arguments[2:]]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
        self._processes[name] = self.processes[name] = process
        return process

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        return [*super()._simulator_arguments(settings), "--seed", str(SEED)]


@sized(("triggers",), (800,), (10_000,))
def test_f3_a_plc_whose_answers_are_wrong_in_every_way(report: Report, triggers: int) -> None:
    with LiedToLine(Script(SEED), triggers) as line:
        balance = line.balance()
        line.check_counters()
        lies = line.truth()[-1]["lies"]
        report.add(
            Finding("F3 lying PLC", triggers, lies, balance.escapes, balance.duplicates, balance.no_decision / triggers)
        )
        assert lies >= triggers / 40
        assert min(balance.passed, balance.rejected) >= triggers / 20, "this run has proved nothing"


# --- frames made up by hypothesis, at the connection -----------------------------------------------------------------

ADDRESS, COUNT = 200, 4
TRUTH = [0x0001, 0x0203, 0x0405, 0x0607]
BATCH, TIMEOUT_MS = 50, 2
small = st.integers(1, 300)


def read_answer(count: int) -> bytes:
    return bytes([READ, 2 * count & 0xFF]) + bytes(range(2 * count))


pdus = st.one_of(
    st.integers(0, 120).filter(lambda count: count != COUNT).map(read_answer),
    st.tuples(st.integers(0, 255), st.binary(max_size=20)).map(lambda p: bytes([p[0]]) + p[1]),
    st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)).map(lambda p: struct.pack(">BHH", WRITE, *p)),
    st.integers(0, 255).map(lambda code: bytes([READ | 0x80, code])),
    st.integers(0, 255).map(lambda code: bytes([WRITE | 0x80, code])),
    st.binary(max_size=60),
)
"""Anything but the right answer, but for what is drawn by chance."""
lies = st.one_of(
    st.tuples(st.just("pdu"), pdus),
    st.tuples(st.just("unit"), small),
    st.tuples(st.just("transaction"), small),
    st.tuples(st.just("protocol"), small),
    st.tuples(st.just("cut"), st.integers(1, 11)),
    st.tuples(st.just("raw"), st.binary(min_size=1, max_size=280)),
)


def lied(lie: tuple[str, Any], transaction: int, unit: int, right: bytes) -> bytes:
    """What goes on the wire in the place of `right`."""
    kind, value = lie
    if kind == "pdu":
        return packed((transaction, unit, value))
    if kind == "raw":
        return bytes(value)
    changed = {"unit": (transaction, unit + value, right), "transaction": (transaction + value, unit, right)}
    return packed(changed[kind]) if kind in changed else packed((transaction, unit, right), protocol=value)


class Liar:
    """A server that tells a lie before the truth, so that nobody has to wait for it; or half the truth before the end.

    (Half the truth and then more would be a stream with bytes missing. TCP does not do that; nobody could tell.)
    """

    def __init__(self) -> None:
        self.lie: tuple[str, Any] | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                transaction, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                request = await reader.readexactly(length - 1)
                right = read_answer(COUNT) if request[0] == READ else request[:5]
                lie, self.lie = self.lie, None
                if lie and lie[0] == "cut":
                    writer.write(packed((transaction, unit, right))[: lie[1]])
                    break
                writer.write((lied(lie, transaction, unit, right) if lie else b"") + packed((transaction, unit, right)))
        writer.close()


async def believe(port: int, liar: Liar, batch: list[tuple[str, Any]]) -> None:
    """Each lie gives the truth that follows it or a LinkError, never anything else; then a new connection is good."""
    waiting = deque(batch)
    while waiting:
        with suppress(LinkError):
            async with ModbusConnection(tcp_endpoint("127.0.0.1", port), 1, TIMEOUT_MS) as connection:
                await believe_until_it_breaks(connection, liar, waiting)
    async with ModbusConnection(tcp_endpoint("127.0.0.1", port), 1, 5000) as connection:
        assert await connection.read(ADDRESS, COUNT) == TRUTH, "the link does not come back"


async def believe_until_it_breaks(connection: ModbusConnection, liar: Liar, waiting: deque[tuple[str, Any]]) -> None:
    while waiting:
        liar.lie = lie = waiting.popleft()
        if len(waiting) % 2:
            assert await connection.read(ADDRESS, COUNT) == TRUTH, lie
        else:
            await connection.write(ADDRESS, TRUTH)


@sized(("frames",), (5_000,), (100_000,))
def test_f3_no_frame_that_hypothesis_can_think_of_is_believed(report: Report, frames: int) -> None:
    for name in ("pymodbus.logging", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # they have much to say about such a server
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        liar = Liar()
        server = runner.run(asyncio.start_server(liar.serve, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        told = 0

        @settings(max_examples=frames // BATCH, phases=[Phase.generate])
        @given(st.lists(lies, min_size=BATCH, max_size=BATCH))
        def tell(batch: list[tuple[str, Any]]) -> None:
            nonlocal told
            told += len(batch)
            loop.run_until_complete(believe(port, liar, batch))

        tell()
        server.close()
    report.add(Finding("F3 fuzzed frames", 0, told, note="each the truth or a link error"))
    assert told >= frames
