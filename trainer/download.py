"""Fetch one file from a URL or a path, with progress; what arrives is whole or nothing at all."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from agent.errors import ConfigError

CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class Fetched:
    """What came: to be recorded, since a public archive may change behind its URL."""

    url: str
    sha256: str
    size_bytes: int


def download(url: str, target: Path, timeout_s: float, expected_sha256: str | None) -> Fetched:
    """Stream `url` into `target`; on any failure `target` does not exist and ConfigError says why."""
    part = target.with_suffix(".part")
    try:
        fetched = _stream(url, part, timeout_s)
        if expected_sha256 and fetched.sha256 != expected_sha256:
            raise ConfigError(
                f"{url}: sha256 is {fetched.sha256}, params.yaml data.sha256 says {expected_sha256}: "
                "fetch a good copy, or correct the table if the new archive is meant"
            )
        part.rename(target)
        return fetched
    finally:
        part.unlink(missing_ok=True)


def _stream(url: str, part: Path, timeout_s: float) -> Fetched:
    try:
        with urllib.request.urlopen(as_url(url), timeout=timeout_s) as source, part.open("wb") as sink:
            declared = int(source.headers.get("Content-Length") or 0)
            sha256, size_bytes = _copy(source, sink, declared)
    except urllib.error.HTTPError as error:
        raise ConfigError(f"{url}: the server answers {error.code} {error.reason}: check data.url") from error
    except urllib.error.URLError as error:
        raise ConfigError(f"{url}: {_cause(error)}: check data.url and the network") from error
    except ValueError as error:
        raise ConfigError(f"data.url {url!r}: {error}: give https://, http://, file:// or a path") from error
    except OSError as error:
        raise ConfigError(f"{url}: {error.strerror or error} while writing {part.parent}") from error
    if declared and size_bytes != declared:
        raise ConfigError(f"{url}: broke off after {size_bytes} of {declared} bytes: run it again")
    return Fetched(url, sha256, size_bytes)


def as_url(url: str) -> str:
    """A plain path, relative to the repository, becomes a file:// URL."""
    return url if "://" in url else Path(url).resolve().as_uri()


def _cause(error: urllib.error.URLError) -> str:
    reason = error.reason
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason)


def _copy(source: BinaryIO, sink: BinaryIO, declared: int) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("data_load", total=declared or None)
        while chunk := source.read(CHUNK_BYTES):
            sink.write(chunk)
            digest.update(chunk)
            size_bytes += len(chunk)
            progress.update(task, completed=size_bytes)
    return digest.hexdigest(), size_bytes
