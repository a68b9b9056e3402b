"""What the station tells the PLC about itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.setup import Setup


@dataclass(frozen=True)
class Facts:
    """The same until model or recipes are swapped."""

    setup: Setup = field(default_factory=Setup)
    """MODEL_ID, RECIPE_ID, and the class names in the model's order: the PLC gets the index."""
    simulated: bool = False
    fail_open: bool = False
