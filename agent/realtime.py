"""[realtime]: the PLC link's thread before all others, memory that stays in memory; only where the station's file asks.

Everything else keeps its place: a model or an encoder in real time would starve the very link.
"""

from __future__ import annotations

import ctypes
import os
import threading

from pydantic import Field

from agent.errors import ConfigError, in_words
from agent.toml import Strict

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4
"""mlockall(2); ONFAULT: what is in use stays, a thread's empty stack is not filled for it."""
SWITCH_INTERVAL_S = 0.0005
"""How long a busy thread may keep the interpreter from the PLC link; Python's default is ten times that."""
REMEDY = "install the drop-in systemd/drop-ins/realtime.conf (docs/install.md), or leave the key out"


MOST = 80
"""As the drop-in's LimitRTPRIO: above it are the kernel's own threads, which the link needs."""


class RealtimeConfig(Strict):
    """What a kernel or an administrator has to permit."""

    link_priority: int = Field(default=0, ge=0, le=MOST)
    """SCHED_FIFO for the thread that exchanges with the PLC; 0 = it is scheduled like the rest."""
    lock_memory: bool = False
    """Nothing of the process is ever paged out."""


def lock_memory(config: RealtimeConfig) -> None:
    """If asked to, for all that follows too. Raises ConfigError when it is not permitted."""
    if not config.lock_memory:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT):
        why = in_words(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
        raise ConfigError(f"realtime.lock_memory = true is not permitted here ({why}): {REMEDY}")


def prefer(thread: str, config: RealtimeConfig) -> None:
    """Give the running thread of that name its priority, if asked to. Raises ConfigError when it is not permitted."""
    if not config.link_priority:
        return
    (native_id,) = [each.native_id for each in threading.enumerate() if each.name == thread]
    try:
        os.sched_setscheduler(native_id or 0, os.SCHED_FIFO, os.sched_param(config.link_priority))
    except OSError as error:
        raise ConfigError(
            f"realtime.link_priority = {config.link_priority} is not permitted here ({in_words(error)}): {REMEDY}"
        ) from error
