"""The page for Prometheus over HTTP: one thread, a bounded number of connections, each for a bounded time.

Python's own servers make a thread a connection, or wait for a slow reader; here whoever comes is served beside the
others, seldom enough not to be felt by the parts.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress

from agent.errors import ConfigError

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
"""One more, and the oldest is cut off."""
LIMIT_S = 5.0
"""From connecting to the last byte."""
PACE_S = 0.01
"""Between two connections; so many more wait in the kernel: a second or so."""
TROUBLE_S = 1.0
MOST_HEADER_BYTES = 8192
BACKLOG = 128
Page = Callable[[], tuple[str, bytes]]
"""Content type and content."""


class MetricsEndpoint:
    """Bound at once: ConfigError when host:port cannot be had. `page` is called in this thread."""

    def __init__(self, endpoint: str, page: Page) -> None:
        self._socket, self._page = _listen(endpoint), page
        self.served = self.refused = 0
        """Connections that got the page; and those that asked for something else, or took too long."""
        self._open: dict[asyncio.Task[None], None] = {}
        """The oldest first."""
        self._loop = asyncio.new_event_loop()
        self._accepting = self._loop.create_task(self._accept_forever())
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cut off whoever is still there and release the port."""
        self._loop.call_soon_threadsafe(self._accepting.cancel)
        self._thread.join(timeout=2.0)

    # --- the endpoint's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        with closing(self._loop), self._socket, suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._accepting)

    async def _accept_forever(self) -> None:
        try:
            while True:
                await self._accept()
                await asyncio.sleep(PACE_S)
        finally:
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self) -> None:
        try:
            connection, _ = await self._loop.sock_accept(self._socket)
            reader, writer = await asyncio.open_connection(sock=connection, limit=MOST_HEADER_BYTES)
        except OSError as error:  # no file left for it, or gone before it was let in
            log.warning("metrics: no connection: %s", error.strerror)
            await asyncio.sleep(TROUBLE_S)
            return
        while len(self._open) >= MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            oldest.cancel()
            self._open.pop(oldest)
        task = self._loop.create_task(self._serve(reader, writer))
        self._open[task] = None
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer, and the end of the connection."""
        good = False
        try:
            async with asyncio.timeout(LIMIT_S):
                status, kind, content = await self._answer(reader)
                head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
                writer.write(f"{head}Connection: close\r\n\r\n".encode() + content)
                writer.close()
                await writer.wait_closed()
                good = status.startswith("200")
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            pass  # too slow, or gone
        finally:
            writer.transport.abort()
            self.served += good
            self.refused += not good

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
        plain = "text/plain; charset=utf-8"
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return "431 Request Header Fields Too Large", plain, b"too much\n"
        method, _, rest = request.partition(b"\r\n")[0].partition(b" ")
        if method != b"GET":
            return "405 Method Not Allowed", plain, b"GET /metrics\n"
        if rest.partition(b" ")[0].partition(b"?")[0] != b"/metrics":
            return "404 Not Found", plain, b"the figures are at /metrics\n"
        return "200 OK", *self._page()


def _listen(endpoint: str) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except OSError as error:
        why = str(error.strerror).partition(" (")[0].lower()
        raise ConfigError(
            f"metrics.endpoint = '{endpoint}': {why}: stop the other program or choose another host:port"
        ) from error
    listening.setblocking(False)
    return listening
