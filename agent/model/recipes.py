"""Recipe files read again while the station runs, and swapped in between two parts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from agent.config import Config
from agent.errors import ConfigError
from agent.event import Event
from agent.inspector import Inspector, jobs_of
from agent.judge import Calibration
from agent.log.about import about
from agent.log.happening import Happening
from agent.model.in_force import InForce
from agent.recipe import Recipe, load_recipes
from agent.service import notify

log = logging.getLogger(__name__)


def exchange_recipes(
    config: Config, calibration: Calibration, in_force: InForce, tell: Callable[[Event], None]
) -> None:
    """A file that is no good leaves all as it was; what came of it goes to log and journal. systemd waits for it."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
    try:
        what, detail = "reloaded", _exchange(config, calibration, in_force)
    except ConfigError as error:
        what, detail = "refused", f"{error}: the recipes stay as they were"
    if not detail:
        what, detail = "unchanged", "the recipes are as they were"
    log.warning("recipe %s: %s", what, detail, extra=about(Happening.RECIPE))
    tell(Event("recipe", what, detail))
    notify("READY=1")


def _exchange(config: Config, calibration: Calibration, in_force: InForce) -> str:
    """What is new, "" = nothing is. Raises ConfigError."""
    recipes = load_recipes(config.recipe, config.other_recipes)
    while True:
        now, fallback = in_force.standing()
        known = {job: of.recipe for job, of in now.jobs.items()}
        if list(recipes) != list(known):
            raise ConfigError(
                f"the recipes have the job numbers {_listed(recipes)}, no more {_listed(known)}: give them their "
                "numbers back, or restart the station"
            )
        changed = [job for job in known if recipes[job].sha256 != known[job].sha256]
        if not changed:
            return ""
        new = _with_recipes(now, recipes.values(), calibration)
        kept = fallback and _with_recipes(fallback, recipes.values(), calibration)
        if in_force.exchange((now, fallback), new, kept):  # else a model has come, gone or passed: they must fit that
            return ", ".join(
                f"{job} '{recipes[job].name}' {recipes[job].sha256[:12]} in place of {known[job].sha256[:12]}"
                for job in changed
            )


def _with_recipes(inspector: Inspector, recipes: Iterable[Recipe], calibration: Calibration) -> Inspector:
    return replace(inspector, jobs=jobs_of(recipes, calibration, inspector.segmenter.contract))


def _listed(jobs: Iterable[int]) -> str:
    return ", ".join(map(str, jobs))
