"""Where the data set comes from: what `data.url` in params.yaml may name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agent.errors import ConfigError
from trainer.download import download, forget
from trainer.params import DataParams
from trainer.photo_folder import add_photos
from trainer.rendered_tiles import render_tiles
from trainer.unpack import NotWhole, unpack
from trainer.writing import writing

PROCEDURAL = "procedural:"


@dataclass(frozen=True)
class Source:
    """What came: to be recorded, since an archive may change behind its URL. Only an archive has sum and size."""

    url: str
    sha256: str | None = None
    size_bytes: int | None = None


def bring(params: DataParams, classes: tuple[str, ...], raw: Path, downloads: Path) -> Source:
    """Fill `raw`, which must not exist. `downloads`: a folder for what must outlast an interrupted try."""
    url = params.url
    if url.startswith(PROCEDURAL):
        render_tiles(_count(url), classes, raw)
        return Source(url)
    if url.startswith(("http://", "https://")):
        part = downloads / "archive.zip"
        with writing(downloads, "downloading"):
            downloads.mkdir(parents=True, exist_ok=True)
        download(url, part, params.timeout_s)
        try:
            return _unpacked(part, params, raw)
        except NotWhole:
            forget(part)
            raise
    path = _path(url)
    if path.is_dir():
        add_photos(path, classes, raw)
        return Source(url)
    return _unpacked(path, params, raw)


def _count(url: str) -> int:
    number = url.removeprefix(PROCEDURAL)
    if not number.isdecimal() or int(number) == 0:
        raise ConfigError(f"data.url {url!r}: give the number of photos, as in {PROCEDURAL}600")
    return int(number)


def _path(url: str) -> Path:
    """Of a file:// URL, or a plain path, which counts from the repository's root.

    DVC says where that is: a queued experiment runs in a folder of its own, without what git does not know.
    """
    if url.startswith("file:"):
        return Path(url2pathname(urlsplit(url).path))
    if "://" in url:
        raise ConfigError(f"data.url {url!r}: give https://, http://, file://, a path or {PROCEDURAL}600")
    return Path(os.environ.get("DVC_ROOT", "")) / url


def _unpacked(archive: Path, params: DataParams, raw: Path) -> Source:
    try:
        with archive.open("rb") as source:
            sha256 = hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{archive}: {error.strerror}: check data.url") from error
    expected = params.sha256.get(params.url)
    if expected and sha256 != expected:
        raise NotWhole(
            f"{params.url}: sha256 is {sha256}, params.yaml data.sha256 says {expected}: "
            "fetch a good copy, or correct the table if the new archive is meant"
        )
    unpack(archive, raw, int(params.max_unpacked_mb * 2**20))
    return Source(params.url, sha256, archive.stat().st_size)
