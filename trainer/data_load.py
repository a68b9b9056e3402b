"""Stage data_load: fetch the archive, check it, unpack it, add what we have labelled, record what there is."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from agent.errors import ConfigError, exit_on_error
from trainer.download import Fetched, download
from trainer.params import DataParams, load_params
from trainer.tiles import RAW, find_tiles
from trainer.unpack import unpack

SOURCE = Path("data/source.json")
LABELLED = Path("data/labelled")


def load(params: DataParams, raw: Path) -> Fetched:
    """Replace `raw` by the archive's content; on failure no `raw` is left."""
    raw.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(raw, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=raw.parent, prefix=".download-") as folder:
        archive = Path(folder) / "archive.zip"
        fetched = download(params.url, archive, params.timeout_s, params.sha256.get(params.url))
        unpack(archive, raw, int(params.max_unpacked_mb * 2**20))
    return fetched


def add_labelled(labelled: Path, raw: Path) -> list[str]:
    """Copy the photos and masks of every folder in `labelled` into `raw`; the names of these folders."""
    folders = sorted(path for path in labelled.glob("[!.]*") if path.is_dir())
    there = {path.name for path in raw.glob("MT_*/Imgs/*")}
    for folder in folders:
        for path in sorted(path for path in folder.glob("MT_*/Imgs/*") if path.suffix in (".jpg", ".png")):
            if path.name in there:
                raise ConfigError(f"{path}: another folder has a file of this name: keep one of them")
            there.add(path.name)
            target = raw / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    return [folder.name for folder in folders]


def main() -> None:
    params = load_params()
    fetched = load(params.data, RAW)
    labelled = add_labelled(LABELLED, RAW)
    tiles = find_tiles(RAW, params.classes)
    images = dict(sorted(Counter(tile.label for tile in tiles).items()))
    SOURCE.write_text(json.dumps({**asdict(fetched), "labelled": labelled, "images": images}, indent=2) + "\n")
    print(f"{' and '.join([fetched.url, *labelled])}: {len(tiles)} images, {images}")


if __name__ == "__main__":
    with exit_on_error():
        main()
