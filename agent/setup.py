"""What decides on a part: the model and the recipes in force. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_NOTHING = "0" * 64


@dataclass(frozen=True, eq=False)
class Setup:
    """Each part carries the one of its trigger, so that model and recipes can be swapped between two parts.

    Equal only to itself: a swap makes a new one.
    """

    model_sha256: str = _NOTHING
    recipes: Mapping[int, tuple[str, str]] = field(default_factory=lambda: {0: ("", _NOTHING)})
    """(name, sha256) by job number, the station's own first."""
    classes: tuple[str, ...] = ()
    """Of the model, by their index in a mask."""
    precision: str = ""

    @property
    def model_id(self) -> int:
        """The first 16 bits of the model's hash."""
        return int(self.model_sha256[:4], 16)

    def recipe_id(self, job: int) -> int:
        """The first 16 bits of the recipe's hash."""
        return int(self.recipes[job][1][:4], 16)
