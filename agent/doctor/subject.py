"""What is examined, and what one group of checks has found out for the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from agent.config import Config
from agent.doctor.ticks import Times
from agent.doctor.unit import show
from agent.keys import ClientKeys
from agent.service import unit_of
from agent.spread import Spread


@dataclass
class Subject:
    """One station on this computer."""

    config: Config
    path: Path
    """Of its file."""
    seconds: float
    """For each look at camera and PLC."""
    pid: int | None
    """Of the station's process when it runs; 0: it runs, where is not known; None: it does not run."""
    keys: ClientKeys | None = None
    """By which the running station lets us in; None: without."""
    root: Path = Path("/")
    """Where proc and sys are."""
    times: Times | None = None
    """Of the processors when the examination began."""
    figures: dict[str, Spread | float] = field(default_factory=dict)
    """By name, which ends in the unit."""
    plc_memory: dict[str, int] = field(default_factory=dict)
    """Registers of the PLC that say how long a part may take, by name."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Of camera and PLC, where they are on a network."""

    def note(self, name: str, values: Sequence[float]) -> Spread | None:
        """The distribution of `values`, kept under that name; None where there are none."""
        spread = Spread.of(values)
        if spread:
            self.figures[name] = spread
        return spread

    def spread(self, name: str) -> Spread | None:
        """As it was noted; None: nothing was."""
        noted = self.figures.get(name)
        return noted if isinstance(noted, Spread) else None

    @property
    def running(self) -> bool:
        """Camera, PLC and ports are in use, and nobody is to disturb them."""
        return self.pid is not None

    @property
    def unit(self) -> str:
        """That runs it, if one does."""
        return unit_of(self.path)

    @cached_property
    def shown(self) -> dict[str, str]:
        """The unit's properties, asked for once. Raises NotKnown."""
        return show(self.unit)
