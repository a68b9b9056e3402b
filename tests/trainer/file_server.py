"""A web server on the loopback that has one file, as good as a real one or as bad as it is told to be."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

PATIENCE_S = 60


class FileServer:
    """Serves `body` at any path but /missing. All that is set may be changed between two requests."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.headers = {"ETag": '"1"'}
        """What it says of the file's version."""
        self.ranges = True
        self.checks_if_range = True
        self.sends: int | None = None
        """It sends so many bytes of what it has declared, then hangs up. None: all."""
        self.hangs = False
        """It does not hang up but falls silent."""
        self.declares: int | None = None
        """A wrong length."""
        self.chunked = False
        self.status = 200
        """503 …: it answers nothing else."""
        self.asked: list[str] = []
        """The Range of every request, "" = all."""
        self.answered: list[int] = []
        """The status of every answer that brings bytes."""
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/archive.zip"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                served._answer(self)

            def log_message(self, *_: object) -> None:
                """Silence."""

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range", "")
        self.asked.append(asked)
        request.close_connection = True
        if self.status != 200 or request.path == "/missing":
            request.send_error(self.status if self.status != 200 else 404)
            return
        start = self._start(asked, request.headers.get("If-Range"))
        if start >= len(self.body):
            request.send_error(416)
            return
        rest = self.body[start:]
        self.answered.append(206 if start else 200)
        request.send_response(self.answered[-1])
        for name, value in self.headers.items():
            request.send_header(name, value)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        if self.chunked:
            request.send_header("Transfer-Encoding", "chunked")
        else:
            request.send_header("Content-Length", str(self.declares or len(rest)))
        request.end_headers()
        if self.chunked:
            request.wfile.write(b"%x\r\n" % len(rest))
        request.wfile.write(rest[: self.sends])
        if self.hangs:
            self._released.wait(PATIENCE_S)

    def _start(self, asked: str, condition: str | None) -> int:
        same = condition in (None, *self.headers.values()) or not self.checks_if_range
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.ranges and same else 0
