"""data/split.csv: one row a photo, with its tile group and the side of the split it is on."""

from __future__ import annotations

import csv
from dataclasses import dataclass, fields
from pathlib import Path

from agent.errors import ConfigError
from trainer.tiles import Tile

SPLIT = Path("data/split.csv")
SIDES = ("train", "validation", "test")


@dataclass(frozen=True)
class Row:
    """One photo. `defect_px` 0 with a defect class: the truth mask is empty, no pixel score is possible."""

    path: Path
    label: str
    exposure: int
    group: int
    side: str
    defect_px: int

    @property
    def tile(self) -> Tile:
        return Tile(self.path, self.label, self.exposure)


def write_split(rows: list[Row], path: Path = SPLIT) -> None:
    names = [field.name for field in fields(Row)]
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def read_split(path: Path = SPLIT) -> list[Row]:
    """All rows; ConfigError when the table is missing or not ours."""
    try:
        with path.open(newline="") as source:
            return [_row(record) for record in csv.DictReader(source)]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: run 'dvc repro data_split'") from error
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{path}: not a split table ({error}): run 'dvc repro -f data_split'") from error


def _row(record: dict[str, str]) -> Row:
    return Row(
        Path(record["path"]),
        record["label"],
        int(record["exposure"]),
        int(record["group"]),
        record["side"],
        int(record["defect_px"]),
    )
