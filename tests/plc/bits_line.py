"""A line with a small PLC that runs, for tests of one rule each."""

from __future__ import annotations

from agent.inspection import Trigger
from tests.plc.bits_agent import DECIDE_MS
from tests.plc.bits_world import BitsWorld


def running() -> BitsWorld:
    """A line that runs: the agent is READY at the PLC, no part on the belt yet."""
    world = BitsWorld()
    for _ in range(30):
        world.cycle()
    assert world.program.agent_ready
    return world


def announced(world: BitsWorld) -> Trigger:
    """A part has passed the photo-eye and the agent has seen its trigger."""
    world.part()
    world.cycle()
    return world.agent.waiting.popleft()


def announced_after_decision(world: BitsWorld) -> Trigger:
    """The same, once the part before it has been decided."""
    for _ in range(DECIDE_MS // 10 + 1):
        world.cycle()
    return announced(world)
