"""Stage data_split: all photos of one physical part on one side, every class on every side, for every split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent.errors import ConfigError, exit_on_error
from trainer.dealing import deal
from trainer.params import SplitParams, load_params
from trainer.split_balance import print_balance
from trainer.split_table import FOLD, GROUPED, LEAKY, SIDES, Row, write_split
from trainer.tile_groups import group_photos
from trainer.tiles import RAW, Tile, defect_pixels, find_tiles, read_photo
from trainer.told_groups import told_groups


def assign_sides(labels: list[str], groups: list[int], params: SplitParams) -> list[str]:
    """The side of every photo, in the shares of `params`."""
    sides = deal(labels, groups, _shares(params.validation_share, params.test_share), params.seed)
    return [sides[group] for group in groups]


def assign_folds(labels: list[str], groups: list[int], params: SplitParams) -> dict[str, list[str]]:
    """Per fold the side of every photo. Fold i is tested by fold i's groups, validated by the next fold's."""
    names = [f"{FOLD}{i}" for i in range(params.folds)]
    of_group = deal(labels, groups, dict.fromkeys(names, 1 / len(names)), params.seed)
    return {
        name: [
            "test" if of_group[group] == name else "validation" if of_group[group] == later else "train"
            for group in groups
        ]
        for name, later in zip(names, names[1:] + names[:1], strict=True)
    }


def assign_leaky(labels: list[str], params: SplitParams) -> list[str]:
    """The side of every photo, by chance: what the literature does, and what flatters."""
    shares = _shares(params.validation_share, params.leaky_test_share)
    sides = deal(labels, range(len(labels)), shares, params.seed)
    return [sides[photo] for photo in range(len(labels))]


def _shares(validation: float, test: float) -> dict[str, float]:
    return dict(zip(SIDES, (1 - validation - test, validation, test), strict=True))


def photo_groups(tiles: list[Tile], told: Mapping[Path, str], params: SplitParams) -> list[int]:
    """A number per photo, the same for photos of one part: as `told` says, by image content where it says nothing."""
    untold = [tile for tile in tiles if tile.path not in told]
    found = group_photos([read_photo(tile) for tile in untold], params.similarity, params.size_slack_px)
    by_content = {tile.path: group for tile, group in zip(untold, found, strict=True)}
    numbers: dict[str | int, int] = {}
    return [
        numbers.setdefault(told[tile.path] if tile.path in told else by_content[tile.path], len(numbers))
        for tile in tiles
    ]


def split(
    tiles: list[Tile], classes: tuple[str, ...], params: SplitParams, told: Mapping[Path, str]
) -> tuple[list[Row], dict[str, list[str]]]:
    """One row a photo with a usable mask, and of every split the side of every row.

    Rows are sorted by path, so that the order of `tiles` does not matter. `told`: groups that need not be found.
    """
    pixels = defect_pixels(tiles, classes)
    usable = sorted((tile for tile in tiles if tile.path in pixels), key=lambda tile: tile.path)
    if not usable:
        raise ConfigError(f"none of {len(tiles)} photos has a usable mask: check data.url")
    groups = photo_groups(usable, told, params)
    labels = [tile.label for tile in usable]
    sides = {GROUPED: assign_sides(labels, groups, params), **assign_folds(labels, groups, params)}
    rows = [
        Row(tile.path, tile.label, tile.exposure, group, pixels[tile.path])
        for tile, group in zip(usable, groups, strict=True)
    ]
    return rows, {**sides, LEAKY: assign_leaky(labels, params)}


def main() -> None:
    params = load_params()
    tiles = find_tiles(RAW, params.classes)
    rows, sides = split(tiles, params.classes, params.split, told_groups(RAW, [tile.path for tile in tiles]))
    write_split(rows, sides)
    print_balance(rows, sides, params.classes)


if __name__ == "__main__":
    with exit_on_error():
        main()
