"""Fetch one file over HTTP, with progress, and go on where an earlier try was interrupted.

What has come is good for more only if the server still has that very version: a note beside it keeps the version (a
strong ETag, else Last-Modified), the next request asks for the rest of that version alone (If-Range), and an answer
that continues another one is dropped. Where the server names no version, every try begins anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from agent.errors import ConfigError, first_line
from trainer.writing import writing

CHUNK_BYTES = 1 << 18
RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True)
class Version:
    """What a server says of the file that it sends. `tag` "": it names no version; `size_bytes` 0: it tells no size."""

    url: str
    tag: str
    size_bytes: int


def forget(part: Path) -> None:
    """The next try begins anew."""
    _note(part).unlink(missing_ok=True)
    part.unlink(missing_ok=True)


def download(url: str, part: Path, timeout_s: float) -> None:
    """`part` is the whole file once this returns. ConfigError says why not; what has come is kept if it is of use."""
    note = _note(part)
    try:
        answer, version, start = _asked(url, timeout_s, _noted(note, url), part)
    except HTTPError as error:
        remedy = "run it again later" if error.code >= 500 else "check data.url"
        raise ConfigError(f"{url}: the server answers {error.code} {error.reason}: {remedy}") from error
    except ValueError as error:
        raise ConfigError(f"data.url {url!r} is no URL: {error}") from error
    except (OSError, HTTPException) as error:
        raise ConfigError(f"{url}: {_cause(error)}: check data.url and the network") from error
    if not start:
        _begin(part, note, version)
    with answer:
        try:
            with writing(part, "downloading"), part.open("r+b") as sink:
                broken = _receive(answer, sink, start, version.size_bytes)
        except ConfigError:
            forget(part)  # it is not what keeps the disk full
            raise
    size_bytes = part.stat().st_size
    if broken or (version.size_bytes and size_bytes != version.size_bytes):
        later = "run it again, it goes on from there"
        if not note.exists():
            later = "run it again"
            forget(part)
        of = f" of {version.size_bytes}" if version.size_bytes else ""
        cause = f" ({broken})" if broken else ""
        raise ConfigError(f"{url}: broke off after {size_bytes}{of} bytes{cause}: {later}")


def _asked(url: str, timeout_s: float, noted: Version | None, part: Path) -> tuple[HTTPResponse, Version, int]:
    """The server's answer, the version that it is of, and the byte at which it begins."""
    start = part.stat().st_size - 1 if noted and part.exists() else 0
    if noted and start > 0:  # one byte that is there already: a range that began at the end would be an error
        rest = _rest(url, timeout_s, noted, start)
        if rest is not None:
            version = _version(url, rest)
            if rest.status == 200:
                return rest, version, 0
            if version == noted and rest.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                return rest, noted, start
            rest.close()
    whole = urlopen(url, timeout=timeout_s)
    return whole, _version(url, whole), 0


def _rest(url: str, timeout_s: float, noted: Version, start: int) -> HTTPResponse | None:
    """None: the file has become shorter."""
    try:
        request = Request(url, headers={"Range": f"bytes={start}-", "If-Range": noted.tag})
        answer: HTTPResponse = urlopen(request, timeout=timeout_s)
    except HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        return None
    return answer


def _version(url: str, answer: HTTPResponse) -> Version:
    tag = answer.headers.get("ETag") or ""
    if not tag.startswith('"'):  # W/"…" vouches for the meaning, not for every byte
        tag = answer.headers.get("Last-Modified") or ""
    size = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length") or ""
    return Version(url, tag, int(size) if size.isdecimal() else 0)


def _note(part: Path) -> Path:
    return part.with_suffix(".json")


def _noted(note: Path, url: str) -> Version | None:
    try:
        version = Version(**json.loads(note.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return version if version.url == url else None


def _begin(part: Path, note: Path, version: Version) -> None:
    """In this order a note never lies beside bytes of another version, wherever the process is killed."""
    with writing(part, "downloading"):
        note.unlink(missing_ok=True)
        part.write_bytes(b"")
        if version.tag and version.size_bytes:
            unfinished = note.with_suffix(".new")
            unfinished.write_text(json.dumps(asdict(version)))
            unfinished.replace(note)


def _receive(answer: HTTPResponse, sink: BinaryIO, start: int, size_bytes: int) -> str:
    """Write what comes from byte `start` on; why no more came, "" at the answer's end."""
    sink.seek(start)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("downloading", total=size_bytes or None, completed=start)
        while True:
            try:
                chunk = answer.read1(CHUNK_BYTES)  # what has come, however little: a kill may be next
            except (OSError, HTTPException) as error:
                return _cause(error)
            if not chunk:
                return ""
            sink.write(chunk)
            sink.flush()
            progress.update(task, completed=sink.tell())


def _cause(error: Exception) -> str:
    reason = error.reason if isinstance(error, URLError) else error
    return (reason.strerror if isinstance(reason, OSError) else None) or first_line(Exception(reason))
