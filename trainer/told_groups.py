"""Which photos show one part, where somebody has told: a table beside the photos.

    groups.csv     file,group                  written by whoever took the photos
    manifest.csv   file,line,part_id …         written by `linegate collect`

`file` is the photo's path in that folder. Photos of one group are never on two sides of a split, so the same group in
two folders is the same part. `data_load` leaves the groups of all folders in data/raw/groups.csv.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from agent.errors import ConfigError, first_line
from trainer.writing import writing

GROUPS, MANIFEST = "groups.csv", "manifest.csv"
COLUMNS = ("file", "group")


def told_groups(folder: Path, photos: Iterable[Path]) -> dict[Path, str]:
    """The group of each of `photos`, which lie below `folder`, that a table in `folder` tells; {} without a table."""
    by_file = {photo.relative_to(folder).as_posix(): photo for photo in photos}
    by_name = {photo.name: photo for photo in by_file.values()}
    groups = {}
    for _, row in _rows(folder / MANIFEST, ("file", "line", "part_id")):
        photo = by_name.get(PurePosixPath(row["file"]).name)  # whoever labels may move it to another class, or drop it
        if photo:
            groups[photo] = f"{row['line']} part {row['part_id']}"
    for line, row in _rows(folder / GROUPS, COLUMNS):
        if row["file"] not in by_file:
            raise ConfigError(
                f"{folder / GROUPS}, line {line}: there is no photo {row['file']!r}: correct or delete it"
            )
        groups[by_file[row["file"]]] = row["group"]
    return groups


def write_groups(folder: Path, groups: dict[Path, str]) -> None:
    """`groups` of photos below `folder`, for `told_groups`."""
    with writing(folder, "writing its groups"), (folder / GROUPS).open("w", newline="", encoding="utf-8") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((photo.relative_to(folder).as_posix(), groups[photo]) for photo in sorted(groups))


def _rows(table: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and row; ConfigError when a column or a value is missing."""
    if not table.is_file():
        return
    try:
        with table.open(newline="", encoding="utf-8-sig") as source:
            reader = csv.DictReader(source)
            if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise ConfigError(f"{table} has no column {missing[0]!r}: its first line must name {','.join(columns)}")
            for row in reader:
                if not all(row[name] for name in columns):
                    raise ConfigError(f"{table}, line {reader.line_num}: a value is missing: give {','.join(columns)}")
                yield reader.line_num, row
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise ConfigError(f"{table}: {first_line(error)}: save it as CSV in UTF-8") from error
