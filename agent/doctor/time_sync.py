"""The time of day: records of several computers can only be compared when all clocks are set by one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

from agent.doctor.looking import NotKnown, answer, looked
from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right

UNSYNCHRONISED, NANOSECONDS = 0x0040, 0x2000
"""STA_UNSYNC and STA_NANO of linux/timex.h."""
UNSURE_S = 0.5
"""By more than this the order of events of two computers cannot be told."""
SERVICES = ("chrony.service", "chronyd.service", "systemd-timesyncd.service", "ntpsec.service", "ntp.service")


class Timex(ctypes.Structure):
    """struct timex of sys/timex.h, as far as it is read, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("freq", ctypes.c_long), ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long), ("status", ctypes.c_int), ("rest", ctypes.c_byte * 256),
    )  # fmt: skip


def examine_time(subject: Subject) -> Iterator[Finding]:
    """By the kernel, whoever sets the clock."""
    yield looked("time of day", _check_kernel)


def _check_kernel() -> Finding:
    found = Timex()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.byref(found)) < 0:
        raise NotKnown(f"adjtimex: {os.strerror(ctypes.get_errno()).lower()}")
    offset_ms = found.offset / (1e6 if found.status & NANOSECONDS else 1e3)
    return judge_clock(bool(found.status & UNSYNCHRONISED), offset_ms, found.maxerror / 1e6, _who())


def judge_clock(unsynchronised: bool, offset_ms: float, unsure_s: float, who: str) -> Finding:
    """`unsure_s`: how far off it may be by the kernel's own account."""
    if unsynchronised:
        return doubtful("time of day", f"set by nobody the kernel knows of; {who}", "set up chrony or "
                        "systemd-timesyncd with a time server of the plant")  # fmt: skip
    text = f"set by a time server, {offset_ms:+.3f} ms off, {unsure_s * 1000:.0f} ms at most; {who}"
    if unsure_s > UNSURE_S:
        return doubtful("time of day", text, "its time server has not been heard for long: chronyc sources")
    return right("time of day", text)


def _who() -> str:
    try:
        states = answer("systemctl", "is-active", *SERVICES, good=(0, 3, 4)).split()
    except NotKnown:
        return "which service sets it is not known"
    active = [name for name, state in zip(SERVICES, states, strict=False) if state == "active"]
    return f"{', '.join(active) or 'no time service'} active"
