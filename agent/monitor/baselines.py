"""What is usual, on disk: a restart, wanted or not, must not learn a line anew that has drifted meanwhile.

`drift.json` in the station's state_dir, beside the journal. Deleting it while the station is down begins anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from agent.lasting_file import write_lasting
from agent.monitor.drift import Baseline

log = logging.getLogger(__name__)

MOST_PRODUCTS = 64
"""The ones that ran longest ago are forgotten: each change of a recipe makes a new one."""


@dataclass(frozen=True)
class _File:
    schema: Literal[1]
    products: dict[str, Baseline]


_FILE = TypeAdapter(_File)


class Baselines:
    """The file of one station."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._complained = False

    def read(self) -> dict[str, Baseline]:
        """By product; none, and one warning, when the file is damaged."""
        try:
            return _FILE.validate_json(self._path.read_bytes()).products
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            first = str(error).splitlines()[0]
            log.warning("%s cannot be used (%s): what is usual is learnt from the next parts", self._path, first)
            return {}

    def write(self, text: str) -> bool:
        """Replace the file (fsync, atomic rename); False, and one warning, while the disk does not take it."""
        try:
            write_lasting(self._path, text)
        except OSError as error:
            if not self._complained:
                log.warning("%s cannot be written (%s): after a restart it is learnt anew", self._path, error.strerror)
            self._complained = True
            return False
        self._complained = False
        return True


def as_text(products: dict[str, Baseline]) -> str:
    """What the file holds then."""
    newest = dict(list(products.items())[-MOST_PRODUCTS:])
    return _FILE.dump_json(_File(1, newest), indent=1).decode()
