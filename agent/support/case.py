"""The station that somebody needs help with; its file may be what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config, load_config
from agent.doctor.looking import NotKnown
from agent.errors import ConfigError
from agent.service import unit_of
from agent.support.secrets import Secrets


@dataclass(frozen=True)
class Case:
    """`readable`: its config; None, and `trouble` says why."""

    path: Path
    hours: int
    """How far back the logs reach."""
    secrets: Secrets
    readable: Config | None
    trouble: str

    @property
    def config(self) -> Config:
        """Raises NotKnown for a file that is no config."""
        if self.readable is None:
            raise NotKnown(f"the station's file cannot be used: {self.trouble}")
        return self.readable

    @property
    def name(self) -> str:
        """For file names."""
        station = self.readable and self.readable.station
        return f"{station.line}-{station.name}" if station else self.path.stem

    @property
    def unit(self) -> str:
        """That runs it, if one does."""
        return unit_of(self.path)


@dataclass(frozen=True)
class Piece:
    """One file of the bundle; `make` raises NotKnown, OSError or LinegateError where it cannot be had."""

    name: str
    about: str
    make: Callable[[Case], str]


def as_json(told: object) -> str:
    """For people who look through it."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def open_case(path: Path, hours: int) -> Case:
    """Raises ConfigError when there is no such file; one that is wrong is part of the case."""
    try:
        secrets = Secrets(path)
    except OSError as error:
        raise ConfigError(f"config {path}: {error.strerror}: check the path") from error
    try:
        return Case(path, hours, secrets, load_config(path), "")
    except ConfigError as error:
        return Case(path, hours, secrets, None, str(error))
