"""Stage data_split: all exposures of one physical tile on one side, every class on every side."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

from rich.console import Console
from rich.table import Table

from agent.errors import ConfigError, exit_on_error
from trainer.params import SplitParams, load_params
from trainer.split_table import FOLD, GROUPED, LEAKY, SIDES, Row, write_split
from trainer.tile_groups import group_photos, photo
from trainer.tiles import GOOD, RAW, Tile, defect_pixels, find_tiles, read_photo


def assign_sides(labels: list[str], groups: list[int], params: SplitParams) -> dict[int, str]:
    """Side of every group. Groups are dealt class by class, so that each class gets its share of each side."""
    held_out = (params.validation_share, params.test_share)
    return _dealt(labels, groups, dict(zip(SIDES, (1 - sum(held_out), *held_out), strict=True)), params.seed)


def assign_folds(labels: list[str], groups: list[int], params: SplitParams) -> dict[str, list[str]]:
    """Per fold the side of every photo. Fold i is tested by fold i's groups, validated by the next fold's."""
    names = [f"{FOLD}{i}" for i in range(params.folds)]
    of_group = _dealt(labels, groups, dict.fromkeys(names, 1 / len(names)), params.seed)
    return {
        name: [
            "test" if of_group[group] == name else "validation" if of_group[group] == later else "train"
            for group in groups
        ]
        for name, later in zip(names, names[1:] + names[:1], strict=True)
    }


def assign_leaky(labels: list[str], params: SplitParams) -> list[str]:
    """The side of every photo, by chance: what the literature does, and what flatters."""
    held_out = (params.validation_share, params.leaky_test_share)
    shares = dict(zip(SIDES, (1 - sum(held_out), *held_out), strict=True))
    sides = _dealt(labels, list(range(len(labels))), shares, params.seed)
    return [sides[photo] for photo in range(len(labels))]


def _dealt(labels: list[str], groups: list[int], shares: dict[str, float], seed: int) -> dict[int, str]:
    members = defaultdict(list)
    for label, group in zip(labels, groups, strict=True):
        members[group].append(label)
    by_class = defaultdict(list)
    for group in sorted(members):
        by_class[_stratum(members[group])].append(group)
    sides: dict[int, str] = {}
    for label in sorted(by_class):
        shuffled = by_class[label][:]
        random.Random(f"{seed} {label}").shuffle(shuffled)
        sides |= _deal(shuffled, {group: len(members[group]) for group in shuffled}, shares)
    return sides


def _stratum(labels: list[str]) -> str:
    """A group that mixes good and defect photos counts for its rarer, the defect class."""
    defects = Counter(label for label in labels if label != GOOD)
    return min(defects, key=lambda label: (-defects[label], label)) if defects else GOOD


def _deal(groups: list[int], size: dict[int, int], shares: dict[str, float]) -> dict[int, str]:
    """Largest groups first, each to the side that lacks most photos of its share; no side stays empty."""
    total = sum(size.values())
    lack = {side: share * total for side, share in shares.items()}
    dealt: dict[int, str] = {}
    for place, group in enumerate(sorted(groups, key=lambda group: -size[group])):
        empty = [side for side in lack if side not in dealt.values()]
        choice = empty if len(groups) - place <= len(empty) else list(lack)
        dealt[group] = max(choice, key=lambda side: lack[side])
        lack[dealt[group]] -= size[group]
    return dealt


def split(tiles: list[Tile], classes: tuple[str, ...], params: SplitParams) -> tuple[list[Row], dict[str, list[str]]]:
    """One row a photo with a usable mask, sorted by path so that the order of `tiles` does not matter; their sides."""
    pixels = defect_pixels(tiles, classes)
    usable = sorted((tile for tile in tiles if tile.path in pixels), key=lambda tile: tile.path)
    if not usable:
        raise ConfigError(f"none of {len(tiles)} photos has a usable mask: check data.url")
    photos = [photo(read_photo(tile), tile.exposure) for tile in usable]
    groups = group_photos(photos, params.similarity, params.size_slack_px)
    labels = [tile.label for tile in usable]
    grouped = assign_sides(labels, groups, params)
    sides = {GROUPED: [grouped[group] for group in groups], **assign_folds(labels, groups, params)}
    rows = [
        Row(tile.path, tile.label, tile.exposure, group, pixels[tile.path])
        for tile, group in zip(usable, groups, strict=True)
    ]
    return rows, {**sides, LEAKY: assign_leaky(labels, params)}


def balance(rows: list[Row], sides: list[str], split: str) -> Table:
    """Photos and groups of each class on each side."""
    table = Table("class", *(f"{side}: photos / groups" for side in SIDES), title=f"split {split}")
    for label in sorted({row.label for row in rows}):
        cells = []
        for side in SIDES:
            here = [row for row, its in zip(rows, sides, strict=True) if (row.label, its) == (label, side)]
            cells.append(f"{len(here)} / {len({row.group for row in here})}")
        table.add_row(label, *cells)
    return table


def main() -> None:
    params = load_params()
    rows, sides = split(find_tiles(RAW, params.classes), params.classes, params.split)
    write_split(rows, sides)
    for name in sides:
        Console().print(balance(rows, sides[name], name))


if __name__ == "__main__":
    with exit_on_error():
        main()
