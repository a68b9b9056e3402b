"""A TCP proxy that misbehaves on request: reset, freeze, black hole, delay. Stands between station and PLC."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress

FAULTS = ("reset", "freeze", "black_hole", "delay")
DELAY_S = 0.06
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class ChaosProxy:
    """Listens on `port` and forwards to `target_port`; runs in a thread of its own until `close`."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._fault = ""
        self._calm = asyncio.Event()
        self._calm.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chaos-proxy", daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._connect, "127.0.0.1", 0), self._loop)
        self._server = server.result(5)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def inject(self, fault: str, seconds: float) -> None:
        """Let `fault` last for so long; returns when it is over."""
        asyncio.run_coroutine_threadsafe(self._misbehave(fault, seconds), self._loop).result(seconds + 5)

    def close(self) -> None:
        """Drop all connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _misbehave(self, fault: str, seconds: float) -> None:
        self._fault = fault
        if fault == "reset":
            for writer in self._writers:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
                writer.transport.abort()
        elif fault == "freeze":
            self._calm.clear()
        await asyncio.sleep(seconds)
        self._fault = ""
        self._calm.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pump(reader, onward_writer), self._pump(onward_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError):
            while data := await reader.read(4096):
                await self._calm.wait()  # what was frozen goes on afterwards, however old it is by then
                await asyncio.sleep(DELAY_S if self._fault == "delay" else 0)
                if self._fault != "black_hole":
                    writer.write(data)
        self._writers.discard(writer)
        writer.close()

    async def _end(self) -> None:
        self._calm.set()
        self._server.close()
        for writer in set(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0.05)
