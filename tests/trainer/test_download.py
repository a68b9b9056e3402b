"""Fetching, against a real HTTP server on the loopback and real files."""

from __future__ import annotations

import errno
import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.errors import ConfigError
from trainer import download as module
from trainer.download import download

BODY = bytes(range(256)) * 4096


class Server(BaseHTTPRequestHandler):
    """/whole answers well, /short breaks off half-way, all else is 404."""

    def do_GET(self) -> None:
        if self.path not in ("/whole", "/short"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY if self.path == "/whole" else BODY[: len(BODY) // 2])

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def fetch(url: str, folder: Path, sha256: str | None = None) -> module.Fetched:
    return download(url, folder / "archive.zip", 5, sha256)


def refused(url: str, folder: Path, reason: str, sha256: str | None = None) -> None:
    """One line that gives the reason, and nothing left behind."""
    folder.mkdir(exist_ok=True)
    with pytest.raises(ConfigError, match=reason) as error:
        fetch(url, folder, sha256)
    assert "\n" not in str(error.value)
    assert list(folder.iterdir()) == []


def test_http_file_and_path_bring_the_same(server: str, tmp_path: Path) -> None:
    local = tmp_path / "local.zip"
    local.write_bytes(BODY)
    for url in (f"{server}/whole", local.as_uri(), str(local)):
        fetched = fetch(url, tmp_path, hashlib.sha256(BODY).hexdigest())
        assert (fetched.url, fetched.size_bytes) == (url, len(BODY))
        assert (tmp_path / "archive.zip").read_bytes() == BODY


def test_a_relative_path_counts_from_where_the_pipeline_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "local.zip").write_bytes(BODY)
    monkeypatch.chdir(tmp_path)
    assert fetch("local.zip", tmp_path).size_bytes == len(BODY)


def test_a_wrong_checksum_is_refused(server: str, tmp_path: Path) -> None:
    refused(f"{server}/whole", tmp_path, r"data\.sha256 says 0000", "0000")


def test_an_answer_that_breaks_off_is_no_archive(server: str, tmp_path: Path) -> None:
    refused(f"{server}/short", tmp_path, "broke off after|more expected")


def test_missing_page_server_file_and_scheme_are_told_apart(server: str, tmp_path: Path) -> None:
    refused(f"{server}/nothing", tmp_path, "answers 404")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused(f"http://127.0.0.1:{free.getsockname()[1]}/x", tmp_path, "refused")
    refused("no/such.zip", tmp_path, "No such file")
    refused("gopher://x/y", tmp_path, "unknown url type")
    refused("http://[broken", tmp_path, "give https://")


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = tmp_path / "local.zip"
    local.write_bytes(BODY)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_copy", full)
    refused(str(local), tmp_path / "target", "No space left on device")
