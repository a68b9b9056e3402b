"""What a station is, as all its records say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Line, station, start, model and recipes."""

    line: str
    station: str
    agent_epoch: int
    model_sha256: str
    recipes: Mapping[int, tuple[str, str]]
    """(name, sha256) by job number, the station's own first."""
    simulated: bool
    fail_open: bool = False
    classes: tuple[str, ...] = ()
    """Of the model, by their index in a mask."""
    model_precision: str = ""
