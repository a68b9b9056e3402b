"""Stage data_load: bring the data set, add what we have labelled, check every mask, record what there is."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.progress import track

from agent.errors import exit_on_error
from trainer.params import load_params
from trainer.photo_folder import add_photos
from trainer.sources import bring
from trainer.tiles import RAW, checked, find_tiles, strays
from trainer.told_groups import told_groups, write_groups
from trainer.writing import writing

SOURCE = Path("data/source.json")
LABELLED = Path("data/labelled")
UNFINISHED = Path("data/.download")
"""No output of the stage, or DVC would remove before a run what an interrupted one has left for it."""


@dataclass(frozen=True)
class Stock:
    """What there is to train on."""

    images: dict[str, int]
    """Of every class the photos that can be used."""
    empty_masks: dict[str, int]
    """Of them those of a defect class whose mask is empty."""
    told_groups: int
    """Photos of which a table tells the group."""
    left_out: dict[str, str]
    """File, below the data set's folder, and what is wrong with it."""

    def __str__(self) -> str:
        there = ", ".join(f"{label} {count}" for label, count in self.images.items())
        out = f"; {len(self.left_out)} files left out" if self.left_out else ""
        return f"{sum(self.images.values())} photos: {there}{out}"


def add_labelled(labelled: Path, classes: tuple[str, ...], raw: Path) -> list[str]:
    """Add every folder in `labelled` to `raw`; the names of these folders."""
    folders = sorted(path for path in labelled.glob("[!.]*") if path.is_dir())
    for folder in folders:
        add_photos(folder, classes, raw)
    return [folder.name for folder in folders]


def take_stock(raw: Path, classes: tuple[str, ...]) -> Stock:
    """Check all of `raw`; what is left out is told on stderr. The groups of all tables end up in one."""
    tiles = find_tiles(raw, classes)
    pixels, wrong = checked(track(tiles, "checking masks"), classes)
    left_out = {path.relative_to(raw).as_posix(): why for path, why in (wrong | strays(raw, tiles)).items()}
    for path, why in left_out.items():
        print(f"left out: {path}: {why}", file=sys.stderr)
    if groups := told_groups(raw, [tile.path for tile in tiles]):
        write_groups(raw, groups)
    usable = [tile for tile in tiles if tile.path in pixels]
    empty = Counter(tile.label for tile in usable if tile.label in classes and not pixels[tile.path])
    images = Counter(tile.label for tile in usable)
    return Stock(dict(sorted(images.items())), dict(sorted(empty.items())), len(groups), left_out)


def main() -> None:
    params = load_params()
    raw, source = UNFINISHED / RAW.name, UNFINISHED / SOURCE.name
    with writing(UNFINISHED, "making room for the data"):
        UNFINISHED.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(raw, ignore_errors=True)
    try:
        brought = bring(params.data, params.classes, raw, UNFINISHED)
        labelled = add_labelled(LABELLED, params.classes, raw)
        stock = take_stock(raw, params.classes)
        with writing(UNFINISHED, "putting the data in place"):
            source.write_text(json.dumps({**asdict(brought), "labelled": labelled, **asdict(stock)}, indent=2) + "\n")
            shutil.rmtree(RAW, ignore_errors=True)
            raw.rename(RAW)
            source.replace(SOURCE)
            shutil.rmtree(UNFINISHED)
    finally:
        shutil.rmtree(raw, ignore_errors=True)
        with suppress(OSError):
            UNFINISHED.rmdir()  # unless a part of a download is kept there
    print(f"{' and '.join([brought.url, *labelled])}: {stock}")


if __name__ == "__main__":
    with exit_on_error():
        main()
