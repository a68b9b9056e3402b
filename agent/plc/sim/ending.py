"""To end tasks for certain: a cancel can be lost.

asyncio.wait_for of Python 3.11 swallows one that comes with the result it waits for, and pymodbus waits by it for
every answer: a task that is cancelled once may go on for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

LIMIT_S = 2.0
AGAIN_S = 0.05


async def end(tasks: Iterable[asyncio.Task[None]]) -> bool:
    """Cancel until all are done, for LIMIT_S at most; are they? What they raise is not looked at."""
    going, again = set(tasks), 0
    while going and again * AGAIN_S < LIMIT_S:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=AGAIN_S)
        again += 1
    return not going
