"""What `linegate check` prints: each problem with its place, what the station would run, and how many problems."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from agent.archive.kept_images import archive_folder
from agent.check.check import Checked
from agent.check.tiling_cost import tiling_cost
from agent.config import Config
from agent.problem import Problem
from agent.shipped import where_pages_lie

NO_PLC = "none: verdicts go to subscribers and journal; no arm, no heartbeat"


def print_report(checked: Checked) -> None:
    """For people; colours where they can be seen."""
    console, problems = Console(highlight=False, soft_wrap=True), checked.problems
    if not problems.errors:
        console.print(f"{problems.file.path}: good", style="green", markup=False)
        for name, text in _station(checked):
            console.print(f"  {name:<8} {text}", markup=False)
    for problem in problems.sorted():
        console.print(Text(str(_near(problem)), style="red" if problem.is_error else "yellow"))
    if pages := where_pages_lie(problem.text for problem in problems.found):
        console.print(Text(pages, "dim"))
    if problems.found:
        counts = _count(problems.errors, "error"), _count(problems.warnings, "warning")
        console.print(", ".join(filter(None, counts)), style="bold red" if problems.errors else "bold yellow")


def print_json(file: Path, problems: list[Problem]) -> None:
    """For programs."""
    listed = [
        {
            "file": str(each.file),
            "line": each.line,
            "key": each.key,
            "severity": "error" if each.is_error else "warning",
            "message": each.message,
        }
        for each in problems
    ]
    errors = sum(each.is_error for each in problems)
    document = {"config": str(file), "errors": errors, "warnings": len(problems) - errors, "problems": listed}
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}" if number else ""


def _near(problem: Problem) -> Problem:
    """With its file as seen from here, where that is shorter."""
    try:
        return replace(problem, file=problem.file.resolve().relative_to(Path.cwd()))
    except ValueError:
        return problem


def _station(checked: Checked) -> list[tuple[str, str]]:
    """Name and text of each line."""
    config, segmenter, calibration = checked.config, checked.segmenter, checked.calibration
    lines = [
        ("station", f"{config.station.line}/{config.station.name}, state in {config.station.state_dir.resolve()}"),
        ("camera", f"{config.camera.driver}, trigger {config.trigger.mode}, {_trigger_limit(config)}"),
    ]
    if calibration:
        by = config.calibration.file.name if config.calibration.file else "this file"
        lines.append(("scale", f"{calibration.x_mm_per_px:.4g} × {calibration.y_mm_per_px:.4g} mm/px, by {by}"))
    if segmenter:
        origin = "" if checked.model_path == config.model.path else ", by `linegate model install`"
        lines.append(("model", f"{segmenter.sha256[:12]} on {segmenter.provider}, self-test passed{origin}"))
    if segmenter and config.model.tiling:
        lines.append(("tiling", tiling_cost(segmenter, checked.tiles)))
    lines += [("recipe", f"{one.name} (job {one.job}), {one.sha256[:12]}") for _, one in checked.recipes]
    lines.append(("PLC", config.plc.where if config.has_plc else NO_PLC))
    if config.reject.pass_coil is not None:
        watchdog_ms = config.reject.watchdog_ms(config.plc, config.trigger.min_pitch_ms)
        lines.append(
            (
                "reject",
                f"by coil {config.reject.pass_coil}, energised to pass: the output watchdog of PLC or coupler must "
                f"drop it {watchdog_ms:.0f} ms after the last write",
            )
        )
    if checked.clients is not None:
        many = len(checked.clients)
        lines.append(("clients", f"{many} with a key, {checked.clients.operators} of them may command"))
    if config.metrics:
        lines.append(("figures", f"for Prometheus at http://{config.metrics.endpoint}/metrics"))
    if config.archive:
        kept = config.archive
        lines.append(("images", f"in {archive_folder(config)}, {kept.max_gb:g} GB, {kept.keep_days} days"))
    return lines


def _trigger_limit(config: Config) -> str:
    if config.has_plc:
        return f"jitter {config.trigger_jitter_ms:.0f} ms"
    return f"verdict within {config.trigger.deadline_ms:.0f} ms"
