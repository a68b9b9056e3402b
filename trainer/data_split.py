"""Stage data_split: all exposures of one physical tile on one side, every class on every side."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

from rich.console import Console
from rich.table import Table

from agent.errors import ConfigError, exit_on_error
from trainer.params import SplitParams, load_params
from trainer.split_table import SIDES, Row, write_split
from trainer.tile_groups import group_photos, photo
from trainer.tiles import GOOD, RAW, Tile, defect_pixels, find_tiles, read_photo


def assign_sides(labels: list[str], groups: list[int], params: SplitParams) -> dict[int, str]:
    """Side of every group. Groups are dealt class by class, so that each class gets its share of each side."""
    held_out = (params.validation_share, params.test_share)
    shares = dict(zip(SIDES, (1 - sum(held_out), *held_out), strict=True))
    members = defaultdict(list)
    for label, group in zip(labels, groups, strict=True):
        members[group].append(label)
    by_class = defaultdict(list)
    for group in sorted(members):
        by_class[_stratum(members[group])].append(group)
    sides: dict[int, str] = {}
    for label in sorted(by_class):
        shuffled = by_class[label][:]
        random.Random(f"{params.seed} {label}").shuffle(shuffled)
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


def split(tiles: list[Tile], classes: tuple[str, ...], params: SplitParams) -> list[Row]:
    """The table, one row a photo with a usable mask, sorted by path so that the order of `tiles` does not matter."""
    pixels = defect_pixels(tiles, classes)
    usable = sorted((tile for tile in tiles if tile.path in pixels), key=lambda tile: tile.path)
    if not usable:
        raise ConfigError(f"none of {len(tiles)} photos has a usable mask: check data.url")
    photos = [photo(read_photo(tile), tile.exposure) for tile in usable]
    groups = group_photos(photos, params.similarity, params.size_slack_px)
    sides = assign_sides([tile.label for tile in usable], groups, params)
    return [
        Row(tile.path, tile.label, tile.exposure, group, sides[group], pixels[tile.path])
        for tile, group in zip(usable, groups, strict=True)
    ]


def balance(rows: list[Row]) -> Table:
    """Photos and groups of each class on each side."""
    table = Table("class", *(f"{side}: photos / groups" for side in SIDES), title="split by physical tile")
    for label in sorted({row.label for row in rows}):
        cells = []
        for side in SIDES:
            here = [row for row in rows if (row.label, row.side) == (label, side)]
            cells.append(f"{len(here)} / {len({row.group for row in here})}")
        table.add_row(label, *cells)
    return table


def main() -> None:
    params = load_params()
    rows = split(find_tiles(RAW, params.classes), params.classes, params.split)
    write_split(rows)
    Console().print(balance(rows))


if __name__ == "__main__":
    with exit_on_error():
        main()
