"""What the station tells the PLC about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Facts:
    """The same from start to end."""

    recipes: Mapping[int, int] = field(default_factory=lambda: {0: 0})
    """RECIPE_ID by job number, the station's own first."""
    classes: tuple[str, ...] = ()
    """Class names in the model's order: the PLC gets the index."""
    model_id: int = 0
    simulated: bool = False
    fail_open: bool = False
