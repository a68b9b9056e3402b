"""data/split.csv: one row a photo, with its tile group and, for every split, the side that it is on.

Splits: `grouped`, by physical tile, is the one that the shipped model is trained and reported on; `fold0` … by physical
tile too, each photo in the test side of exactly one; `leaky` is random by photo, so that siblings of nearly every test
photo are trained on: only for comparison with others who split so.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from agent.errors import ConfigError
from trainer.tiles import Tile

SPLIT = Path("data/split.csv")
SIDES = ("train", "validation", "test")
GROUPED, LEAKY, FOLD = "grouped", "leaky", "fold"


@dataclass(frozen=True)
class Row:
    """One photo. `defect_px` 0 with a defect class: the truth mask is empty, no pixel score is possible."""

    path: Path
    label: str
    exposure: int
    group: int
    defect_px: int

    @property
    def tile(self) -> Tile:
        return Tile(self.path, self.label, self.exposure)


COLUMNS = tuple(field.name for field in fields(Row))


def write_split(rows: list[Row], sides: Mapping[str, list[str]], path: Path = SPLIT) -> None:
    """`sides`: of every split the side of every row."""
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow([*COLUMNS, *sides])
        writer.writerows(
            [*astuple(row), *of_row] for row, of_row in zip(rows, zip(*sides.values(), strict=True), strict=True)
        )


def read_split(split: str, side: str, path: Path = SPLIT) -> list[Row]:
    """The photos on one side of one split; ConfigError when the table is missing, not ours, or has no such split."""
    try:
        with path.open(newline="") as source:
            records = list(csv.DictReader(source))
        if records and split not in records[0]:
            there = ", ".join(name for name in records[0] if name not in COLUMNS)
            raise ConfigError(f"--split {split}: {path} has only {there}: see split.folds in params.yaml")
        return [_row(record) for record in records if record[split] == side]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: run 'dvc repro data_split'") from error
    except (KeyError, ValueError) as error:
        raise ConfigError(f"{path}: not a split table ({error}): run 'dvc repro -f data_split'") from error


def _row(record: dict[str, str]) -> Row:
    return Row(
        Path(record["path"]), record["label"], int(record["exposure"]), int(record["group"]), int(record["defect_px"])
    )
