"""What a station is, as all its records say it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.setup import Setup


@dataclass
class Identity:
    """Line, station, start; all of it stays as it is, but for the setup."""

    line: str
    station: str
    agent_epoch: int
    setup: Setup
    """What decides on the parts that are announced now; whoever changes the link's sets this too."""
    simulated: bool
    fail_open: bool = False
