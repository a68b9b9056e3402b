"""What the scripted segmenter finds on each part, and how long it takes: a pure function of a seed and its number.

Station and test both know it, so a PASS that belongs to another part is seen as what it is.
"""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from agent.inspection import Verdict


@dataclass(frozen=True)
class Script:
    """One run's verdicts and times."""

    seed: int
    pass_share: float = 0.6
    no_decision_share: float = 0.05
    run_ms: tuple[float, float] = (0.5, 2.5)
    """An inference takes between these, evenly spread."""
    slow: tuple[tuple[int, int, float], ...] = ()
    """(first part, last part, ms): within these an inference takes so long."""
    gil_hog: bool = False
    """A thread of the station computes all the time, in pure Python."""

    def verdict(self, part_id: int) -> Verdict:
        """What is to be seen on this part."""
        drawn = self._random("verdict", part_id)
        if drawn < self.pass_share:
            return Verdict.PASS
        return Verdict.NO_DECISION if drawn > 1 - self.no_decision_share else Verdict.REJECT

    def inference_ms(self, part_id: int) -> float:
        """How long the model runs on this part's photo."""
        for first, last, ms in self.slow:
            if first <= part_id <= last:
                return ms
        low, high = self.run_ms
        return low + (high - low) * self._random("run", part_id)

    def changed(self, **values: Any) -> Self:
        """The same with other values."""
        return replace(self, **values)

    def write(self, path: Path) -> None:
        """For the station's process."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """As written."""
        values = json.loads(path.read_text())
        slow = tuple(tuple(stretch) for stretch in values["slow"])
        return cls(**values | {"run_ms": tuple(values["run_ms"]), "slow": slow})

    def _random(self, what: str, part_id: int) -> float:
        return random.Random(f"{self.seed} {what} {part_id}").random()
