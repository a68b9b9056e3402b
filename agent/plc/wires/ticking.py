"""Deadlines run on whatever a wire waits for: the link is ticked at its own cadence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.plc.wires.link_end import LinkEnd

TICK_S = 0.02


@asynccontextmanager
async def ticking(link: LinkEnd) -> AsyncIterator[None]:
    """Tick the link while the body runs. What a tick raises ends the body, and comes out here."""
    async with asyncio.TaskGroup() as group:
        ticker = group.create_task(_tick_forever(link))
        yield
        ticker.cancel()


async def _tick_forever(link: LinkEnd) -> None:
    while True:
        link.tick()
        await asyncio.sleep(TICK_S)
