"""What reads or writes much beside a running station's deadline path lets it go first."""

from __future__ import annotations

import os
import threading

NICENESS = 10


def give_way() -> None:
    """Lower this process's priority, for good."""
    os.nice(NICENESS)


def thread_gives_way() -> None:
    """Lower this thread's priority, for good; where the whole process has a lower one already, it stays."""
    thread = threading.get_native_id()
    niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))  # less would be refused: the thread would die
    os.setpriority(os.PRIO_PROCESS, thread, niceness)
