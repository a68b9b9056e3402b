"""Photos and masks of one folder, in either layout of trainer.tiles, added to the data set."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.progress import track

from agent.errors import ConfigError
from trainer.tiles import files_in, find_tiles
from trainer.told_groups import told_groups, write_groups
from trainer.writing import writing


def add_photos(folder: Path, classes: tuple[str, ...], raw: Path) -> None:
    """Copy the photos of `folder`, their masks and their groups into `raw`, which may hold those of others.

    ConfigError: the folder has no photos or an unknown class, or `raw` has another folder's file of the same name.
    """
    photos = [tile.path for tile in find_tiles(folder, classes)]
    groups = told_groups(folder, photos)
    there = files_in(raw)
    taken = {path.stem for path in there}
    files = files_in(folder)
    for path in files:
        if path.stem in taken:
            raise ConfigError(f"{path}: another folder has a file of this name: keep one of them, or rename one")
    with writing(raw, f"copying {folder}"):
        told = {raw / path.relative_to(folder): group for path, group in groups.items()} | told_groups(raw, there)
        for path in track(files, f"copying {folder.name}"):
            target = raw / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        if told:
            write_groups(raw, told)
