"""The whole line under orders of PLC and operator: job change, challenge and bypass, seen in row, arm and message."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from agent.control import give_command
from agent.local_line import LineOptions
from agent.subscriber import subscribe_status
from tests.conftest import ROOT
from tests.faults.observed_line import ObservedLine, wait_until

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


def test_a_job_change_takes_the_next_parts_and_no_part_before(two_verdict_model: Path, tmp_path: Path) -> None:
    with OrderedLine(two_verdict_model, 5, "2 job 2\n", lenient_recipe(tmp_path)) as line:
        line.wait_for_all_rows()
        rows = [row for row in line.rows() if row["verdict"] != "no_decision"]
        by_job = {job: [row for row in rows if row["job"] == job] for job in (1, 2)}
        assert {row["recipe"] for row in by_job[1]} == {"magnetic_tile"}
        assert {row["recipe"] for row in by_job[2]} == {"lenient"}
        assert "reject" in {row["verdict"] for row in by_job[1]}
        assert {row["verdict"] for row in by_job[2]} == {"pass"}
        seqs = [row["trigger_seq"] for row in rows]
        assert [row["job"] for row in rows] == sorted(row["job"] for row in rows), "the old job came back"
        assert len(set(seqs)) == len(seqs)
        assert line.truth()[-1]["outcome"] == "passed"


def test_an_operators_challenge_that_is_judged_good_stops_the_line(two_verdict_model: Path) -> None:
    """The part is taken for a known bad one; the model finds nothing, so the station is what is bad."""
    with OrderedLine(two_verdict_model, 4, "") as line:
        line.wait_for_parts(5)
        challenges: list[dict[str, Any]] = []
        while not any(row["reason"] == "challenge" for row in challenges):  # a part that is bad indeed stops nothing
            give_command(line.endpoints["control"], "challenge", "R. Diaz")
            known = len(challenges)
            wait_until(lambda known=known: len(challenges_of(line)) > known, "the challenge part is decided")
            challenges = challenges_of(line)
        wait_until(lambda: line.said("belt stands", "simulator") > 0, "the line stops")
        pulse = next(iter(subscribe_status(line.endpoints["results"])))
        assert "CHALLENGE_PASSED" in pulse.alarms or line.said("belt runs again", "simulator")
        line.wait_for_all_rows()
        (row,) = [row for row in line.rows() if row["reason"] == "challenge"]
        assert (row["verdict"], row["challenge"], row["plc_action"]) == ("reject", 1, "rejected")
        assert line.said("by R. Diaz") == len(challenges)


def challenges_of(line: ObservedLine) -> list[dict[str, Any]]:
    return [row for row in line.rows() if row["challenge"]]


def test_bypass_lets_all_pass_and_stays_out_of_yield(two_verdict_model: Path) -> None:
    with OrderedLine(two_verdict_model, 4, "1 bypass on key\n") as line:
        wait_until(lambda: line.finished, "the subscriber has heard of every part")
        bypassed = [message for message in line.messages if message.bypass]
        assert len(bypassed) > 10
        assert {message.plc_action for message in bypassed[2:]} == {"passed"}
        assert "reject" in {message.verdict for message in bypassed}, "Linegate says what it sees all the same"
