"""The whole line under orders of PLC and operator: job change, challenge and bypass, seen in row, arm and message."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

from agent.local_line import LineOptions
from agent.subscriber.control_client import give_command
from tests.conftest import ROOT
from tests.faults.observed_line import ObservedLine
from tests.waiting import newest_pulse, wait_until

TILE = ROOT / "config" / "recipes" / "magnetic_tile.toml"


class OrderedLine(ObservedLine):
    """A line whose simulator follows a script, and whose station knows a second recipe if wanted."""

    def __init__(self, model: Path, seconds: float, script: str, other_recipe: Path | None = None) -> None:
        super().__init__(LineOptions(seconds=seconds, rate_per_s=10, model=model))
        self._script, self._other_recipe = script, other_recipe

    def _write_config(self) -> dict[str, Any]:
        settings = super()._write_config()
        (self._path / "script.txt").write_text(self._script)
        if self._other_recipe is not None:
            self.config.write_text(f'other_recipes = ["{self._other_recipe}"]\n' + self.config.read_text())
        return settings

    def _simulator_arguments(self, settings: dict[str, Any]) -> list[str]:
        mine = ["--script", str(self._path / "script.txt"), "--operator-s", "1"]
        return [*super()._simulator_arguments(settings), *mine]


def lenient_recipe(folder: Path) -> Path:
    """Job 2: the same classes, none of which counts."""
    recipe = tomllib.loads(TILE.read_text())
    lines = ['name = "lenient"', "job = 2"]
    for name in recipe["classes"]:
        lines += [f"[classes.{name}]", 'action = "ignore"']
    path = folder / "lenient.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_shift_of_orders(two_verdict_model: Path, tmp_path: Path) -> None:
    """Job 2 for a while, in which an operator sends a challenge; then job 1 again, with BYPASS on."""
    script = "1.5 job 2\n4.5 job 1\n5.5 bypass on key\n"
    with OrderedLine(two_verdict_model, 8, script, lenient_recipe(tmp_path)) as line:
        wait_until(lambda: any(row["job"] == 2 for row in line.rows()), "the job changes")
        give_command(line.endpoints["control"], "challenge", "R. Diaz")
        wait_until(lambda: line.said("belt stands: line stopped", "simulator") > 0, "the line stops")
        pulse = newest_pulse(line.endpoints["results"])
        assert "CHALLENGE_PASSED" in pulse.alarms or line.said("belt runs again", "simulator")
        wait_until(lambda: line.finished, "the subscriber has heard of every part")
        line.wait_for_all_rows()
        rows = [row for row in line.rows() if row["verdict"] != "no_decision"]
        assert line.said("by R. Diaz") == 1
    _check_jobs([row for row in rows if not row["challenge"]])
    (challenge,) = [row for row in rows if row["challenge"]]
    assert (challenge["job"], challenge["reason"], challenge["plc_action"]) == (2, "challenge", "rejected")
    bypassed = [message for message in line.messages if message.bypass]
    assert len(bypassed) > 10
    assert {message.plc_action for message in bypassed[2:]} == {"passed"}
    assert "reject" in {message.verdict for message in bypassed}, "Linegate says what it sees all the same"


def _check_jobs(rows: list[dict[str, Any]]) -> None:
    """Each part by the recipe that was selected when it came, and the selections in their order."""
    assert {(row["job"], row["recipe"]) for row in rows} == {(1, "magnetic_tile"), (2, "lenient")}
    assert {row["verdict"] for row in rows if row["job"] == 2} == {"pass"}
    assert "reject" in {row["verdict"] for row in rows if row["job"] == 1}
    changes = [after["job"] for before, after in pairwise(rows) if before["job"] != after["job"]]
    assert changes == [2, 1], "the old job came back"
