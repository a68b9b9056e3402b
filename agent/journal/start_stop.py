"""When the station has started, as what, and why it ended: the first and the last event of each of its lives.

A life without its end was cut off: kill -9, a lost supply, or a stage that hung.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

from agent.event import Event
from agent.identity import Identity


@contextmanager
def recorded_life(identity: Identity, record: Callable[[Event], None]) -> Iterator[None]:
    """Tell `record` of the start now, and of the end when it comes."""
    recipes = ", ".join(f"{job} '{name}' ({sha256[:12]})" for job, (name, sha256) in identity.recipes.items())
    record(
        Event(
            "start",
            "start",
            f"linegate {version('linegate')}, agent epoch {identity.agent_epoch}, "
            f"model {identity.model_sha256[:12]}, recipes {recipes}",
        )
    )
    try:
        yield
    except BaseException as error:
        record(Event("stop", "stop", str(error) or repr(error)))
        raise
    record(Event("stop", "stop", "asked to"))
