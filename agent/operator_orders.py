"""What an operator has ordered until further notice, on disk: pause, and another recipe. A restart obeys it too.

A station that came up again and went on by itself, or judged the parts on the belt by its other recipe, would do what
nobody had asked for.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import Field, ValidationError

from agent.errors import ConfigError
from agent.lasting_file import write_lasting
from agent.toml import Strict


class Orders(Strict):
    """As they stand now."""

    paused_by: str = ""
    """Who has paused the station; "" = nobody."""
    job: int = Field(default=0, ge=0, le=65535)
    """The recipe where no PLC selects one; 0 = the station's own."""


class OperatorOrders:
    """Of one station; `jobs`: its recipes. ConfigError when the file cannot be read, or names a recipe it has not."""

    def __init__(self, state_dir: Path, jobs: Collection[int]) -> None:
        self._path = state_dir / "operator.json"
        try:
            text = self._path.read_text(encoding="utf-8") if self._path.exists() else "{}"
            self.now = Orders.model_validate_json(text)
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            why = str(error).splitlines()[0]
            raise ConfigError(
                f"{self._path}: {why}: remove it, then give pause and job again as they shall be"
            ) from error
        if self.now.job and self.now.job not in jobs:
            raise ConfigError(
                f"{self._path}: an operator has selected job {self.now.job}, which is no recipe of this station any "
                "more: name it in other_recipes, or remove the file"
            )

    def pause(self, who: str) -> None:
        """By `who`; "" = resume. Raises OSError: then it holds until the process ends, and no longer."""
        self._order(paused_by=who)

    def select(self, job: int) -> None:
        """From now on. Raises OSError: then it is not selected."""
        self._order(job=job)

    def _order(self, **changed: object) -> None:
        orders = Orders(**self.now.model_dump() | changed)
        write_lasting(self._path, orders.model_dump_json() + "\n")
        self.now = orders
