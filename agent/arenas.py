"""Memory that stays what it is: without a limit each thread gets a store of its own from the C library.

Each of some fifteen stores grows to the most that its thread has ever held, and gives nothing of it back: over hours
that looked like a leak. What a thread does without the interpreter's lock is to compute, not to allocate, so that two
stores keep nobody waiting.
"""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8
"""<malloc.h>"""
ARENAS = 2


def share_arenas() -> None:
    """For threads that begin after this; does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, ARENAS)
