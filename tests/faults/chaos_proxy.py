"""A TCP proxy that misbehaves on request; stands between station and PLC, which both think they talk to each other.

reset       the connection breaks (RST to both sides)
fin         it is closed in good order, in the middle of whatever is under way
half_open   it stays up and nothing comes through any more, ever; a new one works
freeze      nothing comes through; afterwards all of it arrives, however old it is by then
black_hole  what is sent meanwhile is lost
delay       everything arrives late, in order
duplicate   everything arrives twice
tear        everything arrives in two pieces, the second some time after the first
corrupt     one bit is wrong: anywhere in a request, but only in the head of an answer. Modbus TCP has no checksum of
            its own; a wrong bit in the registers of an answer that TCP's checksum let through is seen by nobody.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

SUDDEN = ("reset", "fin", "half_open")
"""These need no time."""
FAULTS = ("reset", "freeze", "black_hole", "delay", "fin", "half_open", "duplicate", "tear", "corrupt")
DELAY_S = 0.06
TEAR_S = 0.02
ANSWER_HEAD = 9
"""Bytes of an answer up to its byte count: transaction, protocol, length, unit, function, count."""
RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Injected:
    """One fault, CLOCK_MONOTONIC."""

    fault: str
    begin_ns: int
    end_ns: int


@dataclass(eq=False)
class Link:
    """One connection of the station and its continuation to the PLC."""

    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    dead: bool = False
    """half_open: nothing comes through any more."""


class ChaosProxy:
    """Listens on `port` and forwards to `target_port`; runs in a thread of its own until `close`."""

    def __init__(self, target_port: int, seed: int = 0) -> None:
        self._target_port = target_port
        self._chance = random.Random(seed)
        self._links: set[Link] = set()
        self._fault, self._delay_s = "", DELAY_S
        self._calm = asyncio.Event()
        self._calm.set()
        self.injected: list[Injected] = []
        self.answers = 0
        """Pieces that went from the PLC to the station while nothing was wrong."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy", daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connect, "127.0.0.1", 0), self._loop)
        self._server = server.result(5)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def inject(self, fault: str, seconds: float = 0.0, delay_s: float = DELAY_S) -> Injected:
        """Let `fault` last for so long; returns when it is over. `delay_s`: for 'delay'."""
        self._delay_s = delay_s
        done = asyncio.run_coroutine_threadsafe(self._misbehave(fault, seconds), self._loop).result(seconds + 30)
        self.injected.append(done)
        return done

    def close(self) -> None:
        """Drop all connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _misbehave(self, fault: str, seconds: float) -> Injected:
        begin_ns = time.monotonic_ns()
        self._strike(fault)
        if fault not in SUDDEN:
            self._fault = fault
            await asyncio.sleep(seconds)
            self._fault = ""
            self._calm.set()
        return Injected(fault, begin_ns, time.monotonic_ns())

    def _strike(self, fault: str) -> None:
        for link in self._links:
            link.dead |= fault == "half_open"
            for writer in link.writers:
                if fault == "reset":
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
                    writer.transport.abort()
                elif fault == "fin":
                    writer.close()
        if fault == "freeze":
            self._calm.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        link = Link([writer, onward_writer])
        self._links.add(link)
        await asyncio.gather(
            self._pump(link, reader, onward_writer, False), self._pump(link, onward_reader, writer, True)
        )
        self._links.discard(link)

    async def _pump(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                await self._calm.wait()
                await self._forward(link, data, writer, answers)
        writer.close()

    async def _forward(self, link: Link, data: bytes, writer: asyncio.StreamWriter, answers: bool) -> None:
        fault = self._fault
        if fault == "delay":
            await asyncio.sleep(self._delay_s)
        if fault == "black_hole" or link.dead:
            return
        if fault == "tear" and len(data) > 1:
            cut = self._chance.randrange(1, len(data))
            writer.write(data[:cut])
            await asyncio.sleep(self._chance.uniform(0, TEAR_S))
            data = data[cut:]
        if fault == "corrupt":
            data = self._with_a_wrong_bit(data, ANSWER_HEAD if answers else len(data))
        writer.write(data * 2 if fault == "duplicate" else data)
        self.answers += answers and not fault

    def _with_a_wrong_bit(self, data: bytes, within: int) -> bytes:
        at = self._chance.randrange(min(within, len(data)))
        return data[:at] + bytes([data[at] ^ 1 << self._chance.randrange(8)]) + data[at + 1 :]

    async def _end(self) -> None:
        self._calm.set()
        self._server.close()
        for link in set(self._links):
            for writer in link.writers:
                writer.transport.abort()
        await asyncio.sleep(0.05)
