"""What goes wrong with a camera's images: a share of all, by chance, or the next ones, by order. Pure."""

from __future__ import annotations

import random
from collections.abc import Mapping

FAULTS = {
    "lose": "the next image, or N, is lost on the way, yet counted",
    "incomplete": "… loses a packet that is not sent again",
    "resend": "… loses a packet that is sent again when asked for",
    "duplicate": "… is sent twice, with the same id",
    "stale": "… comes behind an old one with its old id and time",
    "swap": "… comes behind the next one",
    "black": "… is black",
    "saturated": "… is white",
    "resized": "… has half the height that was set",
    "short": "… ends half way, and says that it is whole",
    "skip": "… is not taken, nor counted",
    "extra": "… is followed by one that nobody asked for",
    "freeze": "… shows again the picture of the one before",
}
"""What becomes of an image."""


class ImageFaults:
    """`shares`: of the images that meet each fault; an image meets one fault at most."""

    def __init__(self, shares: Mapping[str, float], seed: int) -> None:
        self._shares = dict(shares)
        self._chance = random.Random(seed)
        self._ordered: dict[str, int] = {}

    def order(self, fault: str, images: int) -> None:
        """The next so many images meet it."""
        self._ordered[fault] = images

    def draw(self) -> str:
        """What the next image meets; '' = nothing."""
        for fault, left in self._ordered.items():
            if left:
                self._ordered[fault] = left - 1
                return fault
        drawn = self._chance.random()
        for fault, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return ""

    def one_of(self, count: int) -> int:
        """Which of so many packets is lost."""
        return self._chance.randrange(count)

    def describe(self) -> list[str]:
        """For the status screen."""
        ordered = [f"{fault}: {left} to come" for fault, left in self._ordered.items() if left]
        return ordered + [f"{fault}: {share:.1%} of all" for fault, share in self._shares.items()]
