"""The end at once, for a clean restart: by whoever has found that this process cannot go on."""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from typing import NoReturn

from agent.log.fields import places


def end_process(code: int = 1) -> NoReturn:
    """Exit with it. What has been logged goes out first."""
    try:
        flush()
    finally:  # whatever else befalls this thread
        os._exit(code)


def flush() -> None:
    """Let out what has been logged so far, as far as that is done within a quarter of a second."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def where_all_are() -> str:
    """A line for every thread: what it is doing now. Touches no disk: that may be what hangs."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"{names.get(ident, ident)}: {places(traceback.walk_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )
