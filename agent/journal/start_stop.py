"""When the station has started, as what, and why it ended: the first and the last event of each of its lives.

A life without its end was cut off: kill -9, a lost supply, or a stage that hung.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from agent.event import Event
from agent.identity import Identity
from agent.log.about import about, every_line_has
from agent.log.happening import Happening

log = logging.getLogger(__name__)


@contextmanager
def recorded_life(identity: Identity, record: Callable[[Event], None]) -> Iterator[None]:
    """Tell `record` of the start now, and of the end when it comes."""
    setup = identity.setup
    recipes = ", ".join(f"{job} '{name}' ({sha256[:12]})" for job, (name, sha256) in setup.recipes.items())
    every_line_has(AGENT_EPOCH=identity.agent_epoch)
    started = (
        f"linegate {version('linegate')}, agent epoch {identity.agent_epoch}, "
        f"model {setup.model_sha256[:12]}, recipes {recipes}"
    )
    log.info("%s", started, extra=about(Happening.START))
    record(Event("start", "start", started))
    try:
        yield
    except BaseException as error:
        record(Event("stop", "stop", str(error) or repr(error)))
        raise
    log.info("stops: asked to", extra=about(Happening.STOP))
    record(Event("stop", "stop", "asked to"))
