"""Deal groups of photos to the sides of a split: whole groups, each class in its shares as evenly as groups allow."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

Members = dict[int, Counter[str]]


def deal(labels: Sequence[str], groups: Sequence[int], shares: dict[str, float], seed: int) -> dict[int, str]:
    """The side of every group; `labels` and `groups`: one a photo; `shares`: of all photos, by side.

    The class with the fewest groups is dealt first, its largest groups first, each to the side that lacks most photos
    of this class. Groups of several classes count for all of them. While a class has groups left for it, no side stays
    without one. The seed decides among groups of one size.
    """
    members: Members = defaultdict(Counter)
    for label, group in zip(labels, groups, strict=True):
        members[group][label] += 1
    total = Counter(labels)
    lack = {side: {label: share * total[label] for label in total} for side, share in shares.items()}
    shuffled = sorted(members)
    random.Random(seed).shuffle(shuffled)
    dealt: dict[int, str] = {}
    for label in sorted(total, key=lambda label: (sum(label in its for its in members.values()), label)):
        _deal_class(label, sorted(shuffled, key=lambda group: -members[group][label]), members, lack, dealt)
    return dealt


def _deal_class(
    label: str, groups: list[int], members: Members, lack: dict[str, dict[str, float]], dealt: dict[int, str]
) -> None:
    """Adds those of `groups` that show `label` and have no side yet to `dealt`, and takes them off `lack`."""
    waiting = [group for group in groups if label in members[group] and group not in dealt]
    for place, group in enumerate(waiting):
        there = {side for other, side in dealt.items() if label in members[other]}
        without = [side for side in lack if side not in there]
        choice = without if 0 < len(without) >= len(waiting) - place else list(lack)
        side = max(choice, key=lambda side: (lack[side][label], sum(lack[side].values())))
        dealt[group] = side
        for name, count in members[group].items():
            lack[side][name] -= count
