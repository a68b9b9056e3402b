"""Memory that stays what it is: what the C library keeps of it would look like a leak. All for glibc; else nothing."""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8
"""<malloc.h>"""
ARENAS = 2
"""Each of some fifteen threads would get a store of its own, which grows to the most that the thread has ever held.

What a thread does without the interpreter's lock is to compute, not to allocate: two stores keep nobody waiting.
"""


def share_arenas() -> None:
    """For threads that begin after this."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """What was freed goes back to the system: a model's worth or two would be kept for the next one.

    Takes some milliseconds, in which other threads may wait for memory: only when a model has gone.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
