"""Does the station have what its file's [realtime] asks for, or would it get it?"""

from __future__ import annotations

import os
import resource
from pathlib import Path

from agent.doctor.looking import NotKnown, status_kb
from agent.doctor.subject import Subject
from agent.finding import Finding, right, wrong
from agent.realtime import REMEDY, RealtimeConfig

UNLIMITED = "infinity"
"""As systemd says it."""
HIGHEST = 99
"""Of SCHED_FIFO."""


def check_real_time(subject: Subject) -> Finding:
    """Of the running process, else by the limits of its service, else by those of this shell."""
    asked = subject.config.realtime
    if not asked.link_priority and not asked.lock_memory:
        return right("real time", "not asked for by the station's file ([realtime])")
    if subject.pid:
        return _judge(asked, *_of_process(subject.root, subject.pid), "the running station has")
    try:
        found = subject.shown
        if found.get("LoadState") != "loaded":
            raise NotKnown("not installed")
        locked, limit = found["LimitMEMLOCK"] == UNLIMITED, found["LimitRTPRIO"]
        return _judge(asked, HIGHEST if limit == UNLIMITED else int(limit), locked, f"{subject.unit} permits")
    except (NotKnown, KeyError):
        priority, most = (resource.getrlimit(what)[0] for what in (resource.RLIMIT_RTPRIO, resource.RLIMIT_MEMLOCK))
        may = os.geteuid() == 0
        return _judge(asked, HIGHEST if may else priority, may or most == resource.RLIM_INFINITY, "this shell permits")


def _of_process(root: Path, pid: int) -> tuple[int, bool]:
    """(highest SCHED_FIFO priority of its threads, is its memory locked?)."""
    threads = [int(name) for name in os.listdir(root / f"proc/{pid}/task")]
    first = [thread for thread in threads if os.sched_getscheduler(thread) == os.SCHED_FIFO]
    highest = max((os.sched_getparam(thread).sched_priority for thread in first), default=0)
    return highest, status_kb(root, pid, "VmLck") > 0


def _judge(asked: RealtimeConfig, priority: int, locked: bool, whose: str) -> Finding:
    text = f"{whose} priority {priority} of {asked.link_priority} asked for, memory {'' if locked else 'not '}locked"
    if priority < asked.link_priority or (asked.lock_memory and not locked):
        return wrong("real time", text, REMEDY)
    return right("real time", text)
