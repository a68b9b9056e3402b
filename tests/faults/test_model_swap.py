"""F21: models, recipes and jobs change under load. Each part has the answer of the very ones that its row names."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from agent.journal.history import open_reader
from agent.subscriber.control_client import give_command
from tests.conftest import ROOT
from tests.faults.report import Finding, Report
from tests.faults.sizes import sized
from tests.model.model_line import WHO, ModelLine
from tests.model.odd_models import write_heavy, write_rejecting
from tests.waiting import newest_pulse, wait_until

RATE_PER_S = 20
HEAVY_MB = 16
SWAP_S = 30
"""The belt is long enough for a slow computer."""
WARM_UP, LOOKS = 1, 25
GROWTH_MB = 1.25 * HEAVY_MB
"""Less than two models: the C library keeps one's worth now and then."""


@sized(("swaps",), (2,), (50,))
def test_f21_models_are_swapped_under_load(report: Report, tmp_path: Path, swaps: int) -> None:
    files = [write_heavy(tmp_path / f"{name}.onnx", passing=name == "pass", megabytes=HEAVY_MB)
             for name in ("pass", "reject")]  # fmt: skip
    with ModelLine(files[0], swaps * SWAP_S, RATE_PER_S) as line:
        line.says = {sha256_of(files[0]): "pass", sha256_of(files[1]): "reject"}
        line.wait_for_parts(5)
        pid, gaps_ms, before = line.processes["station"].pid, [], (0.0, 0)
        for number in range(1, swaps + 1):
            file = files[number % 2]
            assert line.install(file)["what"] == "kept"
            assert line.plc_word("MODEL_ID") == int(sha256_of(file)[:4], 16)
            gaps_ms.append(newest_pulse(line.endpoints["results"]).plc_write_gap_ms)
            if number == WARM_UP:
                before = held_at_rest(pid)
        wait_until(lambda: held_by(pid)[0] < before[0] + GROWTH_MB, "memory is given back", lambda: held_by(pid))
        wait_until(lambda: held_by(pid)[1] <= before[1], "no more descriptors than before", lambda: held_by(pid))
        growth_mb = held_by(pid)[0] - before[0]
        line.end_here()
        counts = line.check_ledgers()
        assert set(line.judged()) == set(line.says.items()), "a wrong answer, or a model without a part"
        assert line.processes["station"].poll() is None
        assert len(list((line.journal.parent / "models").iterdir())) <= 2, "what nobody needs is cleared away"
    parts = sum(counts.values())
    report.add(
        Finding("F21 model swap", parts, swaps, 0, 0, counts.get("no_decision", 0) / parts,
                note=f"{HEAVY_MB} MB a model: RSS {growth_mb:+.1f} MB after the first; "
                f"heartbeat gap {median(gaps_ms):.0f} ms, at most {max(gaps_ms):.0f} ms")
    )  # fmt: skip


@sized(("changes",), (12,), (500,))
def test_f21_jobs_and_recipes_change_under_load(report: Report, tmp_path: Path, changes: int) -> None:
    """Every part is a defect to this model: what a recipe makes of it shows by which it was judged."""
    ignoring, strict = recipe_text("other", 2, "ignore"), recipe_text("other", 2, "reject")
    other = tmp_path / "other.toml"
    other.write_text(ignoring)
    model = write_rejecting(tmp_path / "reject.onnx")
    with JobLine(model, changes * 2.0, RATE_PER_S * 2, other) as line:
        line.wait_for_parts(5)
        for number in range(changes):
            before, job = line.judged_under(1, 2), 2 - number % 2
            give_command(line.endpoints["control"], "job", WHO, str(job))
            if number % 4 == 3:
                other.write_text(strict if number % 8 == 3 else ignoring)
                seen = len(line.events("recipe"))
                line.processes["station"].send_signal(signal.SIGHUP)
                wait_until(lambda seen=seen: len(line.events("recipe")) > seen, "the recipes are read again")
            wait_until(
                lambda job=job, before=before: line.judged_under(job) > before, f"a part is judged under job {job}"
            )
        line.end_here()
        rows = line.rows()
    reloads = [event["what"] for event in line.reloads]
    assert reloads == ["reloaded"] * (changes // 4)
    judged = [row for row in rows if row["verdict"] != "no_decision"]
    assert {(row["job"], row["recipe"]) for row in judged} == {(1, "magnetic_tile"), (2, "other")}
    said = {(row["job"], row["recipe_sha256"], row["verdict"]) for row in judged}
    assert len(said) == len({(job, sha256) for job, sha256, _ in said}) == 3, f"one recipe, two answers: {said}"
    assert Counter(verdict for job, _, verdict in said if job == 2) == {"pass": 1, "reject": 1}
    counts = Counter(row["reason"] for row in rows)
    undecided = 1 - len(judged) / len(rows)
    report.add(
        Finding("F21 job change", len(rows), changes, 0, 0, undecided,
                note=f"{len(reloads)} times with other recipes; {counts['job_change']} parts of either job")
    )  # fmt: skip


class JobLine(ModelLine):
    """With a second recipe, for job 2."""

    def __init__(self, model: Path, seconds: float, rate_per_s: float, recipe: Path) -> None:
        super().__init__(model, seconds, rate_per_s)
        self._recipe = recipe
        self.reloads: list[dict[str, Any]] = []

    def _write_config(self) -> dict[str, Any]:
        settings = super()._write_config()
        self.config.write_text(f'other_recipes = ["{self._recipe}"]\n' + self.config.read_text())
        return settings

    def judged_under(self, *jobs: int) -> int:
        """message_id of the newest part that was judged under one of these; 0 = none."""
        with closing(open_reader(self.journal)) as reader:
            marks = ", ".join("?" * len(jobs))
            (newest,) = reader.execute(
                "SELECT coalesce(max(message_id), 0) FROM inspections WHERE completed AND verdict <> 'no_decision' "
                f"AND job IN ({marks})",
                jobs,
            ).fetchone()
        return int(newest)

    def end_here(self) -> None:
        super().end_here()
        self.reloads = self.events("recipe")


def recipe_text(name: str, job: int, action: str) -> str:
    """The reference recipe's classes, all with one action."""
    classes = ("blowhole", "break", "crack", "fray", "uneven")
    assert all(f"[classes.{name}]" in (ROOT / "config/recipes/magnetic_tile.toml").read_text() for name in classes)
    rules = "".join(f'[classes.{of}]\naction = "{action}"\n' for of in classes)
    return f'name = "{name}"\njob = {job}\n{rules}'


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def held_by(pid: int) -> tuple[float, int]:
    """Resident memory of a process in MB, and how many descriptors it has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir(f"/proc/{pid}/fd"))


def held_at_rest(pid: int) -> tuple[float, int]:
    """The least of some looks: who has asked it something just now is gone by the last."""
    looks = []
    for _ in range(LOOKS):
        looks.append(held_by(pid))
        time.sleep(0.02)
    return min(mb for mb, _ in looks), min(descriptors for _, descriptors in looks)
