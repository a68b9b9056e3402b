"""Is there time for the model on this computer?"""

from __future__ import annotations

from agent.check.problems import Problems
from agent.config import Config


def check_times(config: Config, run_ms: float, problems: Problems) -> None:
    """`run_ms`: the least that the model takes for one part on this computer, all patches of a tiled frame together."""
    trigger = config.trigger
    shortest = "period_ms" if trigger.period_ms is not None else "min_pitch_ms"
    limit_ms = getattr(trigger, shortest)
    if limit_ms < run_ms:
        problems.warn(
            f"trigger.{shortest}",
            f"trigger.{shortest} = {limit_ms:g} is shorter than the least that the model takes for a part on this "
            f"computer, {run_ms:.1f} ms: parts would wait until they are too late; inspect less (view.region), shrink "
            "(model.tiling.scale), or use a faster computer or provider",
        )
    if config.has_plc and config.plc.decide_ms is not None and run_ms + config.plc.guard_ms > config.plc.decide_ms:
        problems.warn(
            "plc.decide_ms",
            f"plc.decide_ms = {config.plc.decide_ms:g} leaves no time: the model takes {run_ms:.1f} ms on this "
            f"computer, and plc.guard_ms = {config.plc.guard_ms:g} goes off it; move the arm away, or use a faster one",
        )
    if not config.has_plc and run_ms > trigger.deadline_ms:
        problems.warn(
            "trigger.deadline_ms",
            f"trigger.deadline_ms = {trigger.deadline_ms:g} is shorter than the least that the model takes on this "
            f"computer, {run_ms:.1f} ms: every part would be NO_DECISION",
        )
