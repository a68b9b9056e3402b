"""Memory of what was freed goes back to the system: glibc would keep it, a model's worth or two, for the next one."""

from __future__ import annotations

import ctypes


def give_back() -> None:
    """Takes some milliseconds, in which other threads may wait for memory: only when a model has gone."""
    ctypes.CDLL(None).malloc_trim(0)
