"""Fetching from a real HTTP server on the loopback: whole, of one version, and no byte twice if it can be helped."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import ConfigError
from tests.trainer.file_server import FileServer
from trainer.download import download

BODY = bytes(range(256)) * 4096
HALF = len(BODY) // 2
OTHER = BODY[::-1]


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(BODY) as served:
        yield served


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "archive.zip"


def refused(url: str, part: Path, reason: str, timeout_s: float = 5) -> None:
    """One line that gives the reason."""
    with pytest.raises(ConfigError, match=reason) as error:
        download(url, part, timeout_s)
    assert "\n" not in str(error.value)


def broken_off(server: FileServer, part: Path) -> None:
    server.sends = HALF
    refused(server.url, part, rf"broke off after {HALF} of {len(BODY)} bytes: run it again, it goes on from there")
    server.sends = None


def test_the_whole_file_comes_and_a_further_try_asks_for_one_byte(server: FileServer, part: Path) -> None:
    for _ in range(2):
        download(server.url, part, 5)
        assert part.read_bytes() == BODY
    assert server.asked == ["", f"bytes={len(BODY) - 1}-"]


@pytest.mark.parametrize("version", [{"ETag": '"1"'}, {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}])
def test_an_interrupted_download_goes_on(server: FileServer, part: Path, version: dict[str, str]) -> None:
    server.headers = version
    broken_off(server, part)
    download(server.url, part, 5)
    assert part.read_bytes() == BODY
    assert (server.asked, server.answered) == (["", f"bytes={HALF - 1}-"], [200, 206])


def test_a_silent_server_is_given_up_and_its_part_kept(server: FileServer, part: Path) -> None:
    server.sends, server.hangs = HALF, True
    refused(server.url, part, r"broke off after \d+ of .* \(timed out\): run it again, it goes on", timeout_s=0.2)
    server.sends, server.hangs = None, False
    download(server.url, part, 5)
    assert part.read_bytes() == BODY
    assert server.asked[1].startswith("bytes=")


@pytest.mark.parametrize("checks", [True, False], ids=["a careful server", "one that ignores If-Range"])
@pytest.mark.parametrize("body", [OTHER, OTHER[: HALF // 2], OTHER * 2], ids=["changed", "shorter", "longer"])
def test_a_file_that_has_changed_is_never_spliced(server: FileServer, part: Path, body: bytes, checks: bool) -> None:
    broken_off(server, part)
    server.body, server.headers, server.checks_if_range = body, {"ETag": '"2"'}, checks
    download(server.url, part, 5)
    assert part.read_bytes() == body
    assert len(server.asked) == (2 if checks else 3), "a careful server is asked for the rest of the first version only"


def test_a_file_that_is_there_again_is_not_spliced_with_what_came_in_between(server: FileServer, part: Path) -> None:
    broken_off(server, part)
    server.body, server.headers, server.sends = OTHER, {}, HALF
    refused(server.url, part, r"broke off .*: run it again$")
    server.body, server.headers, server.sends = BODY, {"ETag": '"1"'}, None
    download(server.url, part, 5)
    assert part.read_bytes() == BODY


def test_the_part_of_another_url_is_not_gone_on_with(server: FileServer, part: Path) -> None:
    broken_off(server, part)
    server.body = OTHER
    download(f"{server.url}?other", part, 5)
    assert part.read_bytes() == OTHER
    assert server.asked == ["", ""]


@pytest.mark.parametrize("version", [{}, {"ETag": 'W/"1"'}], ids=["none", "weak"])
def test_without_a_version_to_rely_on_it_begins_anew(server: FileServer, part: Path, version: dict[str, str]) -> None:
    server.headers, server.sends = version, HALF
    refused(server.url, part, r"broke off after .*: run it again$")
    assert not part.exists()
    server.sends = None
    download(server.url, part, 5)
    assert part.read_bytes() == BODY
    assert server.asked == ["", ""]


def test_a_server_without_ranges_sends_it_all_again(server: FileServer, part: Path) -> None:
    server.ranges = False
    broken_off(server, part)
    download(server.url, part, 5)
    assert part.read_bytes() == BODY


def test_without_a_length_the_end_is_known_all_the_same(server: FileServer, part: Path) -> None:
    server.chunked, server.sends = True, HALF
    refused(server.url, part, r"broke off after \d+ bytes \(.*\): run it again$")


def test_a_length_that_is_declared_too_long_never_makes_a_file(server: FileServer, part: Path) -> None:
    server.declares = len(BODY) + 9
    for _ in range(2):
        refused(server.url, part, rf"broke off after {len(BODY)} of {len(BODY) + 9} bytes")


def test_what_the_network_may_answer_is_told_apart(server: FileServer, part: Path) -> None:
    refused(server.url.replace("archive.zip", "missing"), part, "answers 404 Not Found: check data.url")
    broken_off(server, part)
    server.status = 503
    refused(server.url, part, "answers 503 Service Unavailable: run it again later")
    assert part.stat().st_size == HALF, "a server that is ill for a while costs nothing that has come"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refused(f"http://127.0.0.1:{free.getsockname()[1]}/x", part, "refused: check data.url and the network")
    refused("http://[broken", part, "is no URL")
    refused("http://host:port/", part, "nonnumeric port")
