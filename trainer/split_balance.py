"""Say what a split is worth: photos and groups of every class on every side, and what is missing where."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from trainer.split_table import LEAKY, SIDES, Row
from trainer.tiles import GOOD

LARGE_SHARE = 0.5
"""Of all photos; a group beyond it is hardly one part."""

WIDEST = 1000
"""Columns of a table that is better wrapped by the terminal than cut."""


def print_balance(rows: Sequence[Row], sides: Mapping[str, Sequence[str]], classes: Sequence[str]) -> None:
    """The table on stdout, warnings on stderr."""
    table = balance(rows, sides, (GOOD, *classes))
    console = Console()
    console.width = max(console.width, console.measure(table, options=console.options.update(width=WIDEST)).maximum)
    console.print(table)
    console.print(f"{LEAKY}, random by photo, is for comparison only: {leak(rows, sides[LEAKY])}", soft_wrap=True)
    for warning in warnings(rows, sides, (GOOD, *classes)):
        print(f"warning: {warning}", file=sys.stderr)


def balance(rows: Sequence[Row], sides: Mapping[str, Sequence[str]], labels: Sequence[str]) -> Table:
    """A line for each side of each split."""
    table = Table(title="photos / groups", box=None)
    for name in ("split", "side"):
        table.add_column(name, no_wrap=True)
    for label in (*labels, "all"):
        table.add_column(label, justify="right", no_wrap=True)
    for split, its in sides.items():
        title = f"{split}: for comparison only" if split == LEAKY else split
        for side in SIDES:
            here = [row for row, of_row in zip(rows, its, strict=True) if of_row == side]
            cells = [_counts([row for row in here if row.label == label]) for label in labels]
            table.add_row(title if side == SIDES[0] else "", side, *cells, _counts(here))
    return table


def _counts(rows: Sequence[Row]) -> str:
    return f"{len(rows)} / {len({row.group for row in rows})}"


def leak(rows: Sequence[Row], sides: Sequence[str]) -> str:
    """How many test photos have been seen in training, under another exposure or in another cut-out."""
    trained = {row.group for row, side in zip(rows, sides, strict=True) if side == "train"}
    tested = [row for row, side in zip(rows, sides, strict=True) if side == "test"]
    return f"{sum(row.group in trained for row in tested)} of its {len(tested)} test photos have a sibling in training"


def warnings(rows: Sequence[Row], sides: Mapping[str, Sequence[str]], labels: Sequence[str]) -> list[str]:
    """Classes that are too rare for every side of every split, and groups that are too large to be true."""
    found = []
    for label in labels:
        its = [row for row in rows if row.label == label]
        if missing := _missing(rows, sides, label):
            where = "; ".join(f"none to {_VERBS[side]} in {', '.join(splits)}" for side, splits in missing.items())
            found.append(f"{label} has {len(its)} photos of {len({row.group for row in its})} parts: {where}")
    group, size = Counter(row.group for row in rows).most_common(1)[0]
    if size > LARGE_SHARE * len(rows) and len(rows) > len(SIDES):
        example = next(row.path for row in rows if row.group == group)
        found.append(
            f"{size} of {len(rows)} photos are taken for one part, {example} among them: if they are not, raise "
            "split.similarity, or tell the parts in a groups.csv"
        )
    return found


_VERBS = {"train": "train on", "validation": "validate with", "test": "test with"}


def _missing(rows: Sequence[Row], sides: Mapping[str, Sequence[str]], label: str) -> dict[str, list[str]]:
    """Side → the splits in which it shows nothing of the class."""
    missing = defaultdict(list)
    for split, its in sides.items():
        there = {of_row for row, of_row in zip(rows, its, strict=True) if row.label == label}
        for side in SIDES:
            if side not in there:
                missing[side].append(split)
    return missing
