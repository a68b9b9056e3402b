"""Stage data_load: fetch the archive, check it, unpack it, record what was fetched."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from agent.errors import exit_on_error
from trainer.download import Fetched, download
from trainer.params import DataParams, load_params
from trainer.tiles import RAW, find_tiles
from trainer.unpack import unpack

SOURCE = Path("data/source.json")


def load(params: DataParams, raw: Path) -> Fetched:
    """Replace `raw` by the archive's content; on failure no `raw` is left."""
    raw.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(raw, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=raw.parent, prefix=".download-") as folder:
        archive = Path(folder) / "archive.zip"
        fetched = download(params.url, archive, params.timeout_s, params.sha256.get(params.url))
        unpack(archive, raw, int(params.max_unpacked_mb * 2**20))
    return fetched


def main() -> None:
    params = load_params()
    fetched = load(params.data, RAW)
    tiles = find_tiles(RAW, params.classes)
    images = dict(sorted(Counter(tile.label for tile in tiles).items()))
    SOURCE.write_text(json.dumps({**asdict(fetched), "images": images}, indent=2) + "\n")
    print(f"{fetched.url}: {len(tiles)} images, {images}")


if __name__ == "__main__":
    with exit_on_error():
        main()
