"""The page for Prometheus over HTTP: one thread, a bounded number of connections, each for a bounded time.

Python's own servers make a thread a connection, or wait for a slow reader; here whoever comes is served beside the
others, seldom enough not to be felt by the parts.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import closing, suppress

from agent.errors import ConfigError
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 32
"""One more, and the oldest is cut off."""
LIMIT_S = 5.0
"""From connecting to the last byte."""
PACE_S = 0.01
"""Between two connections; so many more wait in the kernel: a second or so."""
TROUBLE_S = 1.0
DRIBBLE_S = 0.1
"""Whoever sends his request bit by bit is listened to no oftener."""
MOST_HEADER_BYTES = 8192
END = b"\r\n\r\n"
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
        self._worker = Worker("metrics", self._run)
        self._worker.start()

    def close(self, within_s: float = CLOSE_S) -> None:
        """Cut off whoever is still there and release the port."""
        self._loop.call_soon_threadsafe(self._accepting.cancel)
        self._worker.close(within_s)

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
        except OSError as error:  # no file left for it, or gone before it was let in
            log.warning("metrics: no connection: %s", error.strerror)
            await asyncio.sleep(TROUBLE_S)
            return
        while len(self._open) >= MOST_CONNECTIONS:
            oldest = next(iter(self._open))
            oldest.cancel()
            self._open.pop(oldest)
        task = self._loop.create_task(self._serve(connection))
        self._open[task] = None
        task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _serve(self, connection: socket.socket) -> None:
        """One request, one answer, and the end of the connection."""
        good = False
        with connection:
            try:
                async with asyncio.timeout(LIMIT_S):
                    status, kind, content = self._answer(await self._request(connection))
                    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
                    await self._loop.sock_sendall(connection, f"{head}Connection: close\r\n\r\n".encode() + content)
                    good = status.startswith("200")
            except (TimeoutError, OSError):
                pass  # too slow, or gone
            finally:
                self.served += good
                self.refused += not good

    async def _request(self, connection: socket.socket) -> bytes:
        """Up to the end of its header; too long a one is cut off. Raises OSError when the client is gone."""
        request = b""
        while END not in request and len(request) < MOST_HEADER_BYTES:
            if request:
                await asyncio.sleep(DRIBBLE_S)
            received = await self._loop.sock_recv(connection, MOST_HEADER_BYTES)
            if not received:
                raise ConnectionError
            request += received
        return request

    def _answer(self, request: bytes) -> tuple[str, str, bytes]:
        plain = "text/plain; charset=utf-8"
        if END not in request:
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
