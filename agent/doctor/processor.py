"""Clock, processor and memory of this computer: what makes one part in a thousand late."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.doctor.looking import NotKnown, answer, looked, peek, read, status_kb
from agent.doctor.subject import Subject
from agent.doctor.ticks import Times, times_of
from agent.finding import Finding, doubtful, right, wrong

GOOD_CLOCK = "tsc"
"""Read in some 20 ns without leaving the program; hpet and acpi_pm take a microsecond and are shared."""
STEAL_SHARE = 0.01
"""Of the time that another virtual machine took: a hundredth is 10 ms in each second."""
LOAD_SHARE = 0.8
"""Of all processors, over 5 minutes: above it whoever wakes up finds none free."""
PRESSURE_PERCENT = 10.0
"""Share of a minute in which somebody waited for a processor."""
FREE_SHARE = 0.1
"""Of the memory."""
SLEEPS = ("sleep.target", "suspend.target", "hibernate.target", "hybrid-sleep.target")


def examine_processor(subject: Subject) -> Iterator[Finding]:
    """Each by the kernel's own figures."""
    root, before = subject.root, subject.times
    checks: dict[str, Callable[[], Finding]] = {
        "clock": lambda: check_clock(root),
        "governor": lambda: check_governor(root),
        "virtual machine": lambda: check_steal(root, before),
        "load": lambda: check_load(root),
        "quota": lambda: check_quota(root),
        "affinity": lambda: _check_affinity(root, subject.pid),
        "memory": lambda: check_memory(root),
        "swap": lambda: check_swap(root, subject.pid),
        "sleep": lambda: _check_sleep(root),
    }
    for name, check in checks.items():
        yield looked(name, check)


def check_clock(root: Path) -> Finding:
    """The clocksource behind CLOCK_MONOTONIC."""
    folder = root / "sys/devices/system/clocksource/clocksource0"
    now, others = read(folder / "current_clocksource"), read(folder / "available_clocksource")
    text = f"{now} (of {others})"
    if now == GOOD_CLOCK:
        return right("clock", text)
    if GOOD_CLOCK in others.split():
        return doubtful("clock", text, "a slower one was chosen: see dmesg for 'tsc'; clocksource=tsc at boot")
    return doubtful("clock", text, "no tsc is offered here: each look at the time takes longer")


def check_governor(root: Path) -> Finding:
    """Does the processor keep its speed while it waits for the next part?"""
    folders = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq"))
    if not folders:
        raise NotKnown("the kernel does not control the frequency here (a virtual machine, or the firmware does)")
    governors = {read(folder / "scaling_governor") for folder in folders}
    now = [int(text) / 1000 for folder in folders if (text := peek(folder / "scaling_cur_freq")).isdigit()]
    top = [int(text) / 1000 for folder in folders if (text := peek(folder / "cpuinfo_max_freq")).isdigit()]
    text = f"{', '.join(sorted(governors))} on {len(folders)} processors"
    if now and top:
        text += f", {min(now):.0f} to {max(now):.0f} of {max(top):.0f} MHz"
    if governors != {"performance"}:
        return doubtful("governor", text, "it slows down between two parts, and each begins slow: "
                        "cpupower frequency-set -g performance, at each boot")  # fmt: skip
    return right("governor", text)


def check_steal(root: Path, before: Times | None) -> Finding:
    """Since `before`: the time that the host gave to others."""
    virtual = any(
        "hypervisor" in line.split() for line in read(root / "proc/cpuinfo").splitlines() if line.startswith("flags")
    )
    now = times_of(root)
    if before is None or now is None or now.total <= before.total:
        raise NotKnown("/proc/stat says nothing of it")
    share = (now.stolen - before.stolen) / (now.total - before.total)
    text = f"{'a virtual machine' if virtual else 'none seen'}, {share:.1%} of the time stolen"
    text += f" (n = {now.total - before.total} ticks)"
    if share > STEAL_SHARE:
        return wrong("virtual machine", text, "its host gives the processor to others: reserve processors for it, or "
                     "use a computer of its own")  # fmt: skip
    if virtual:
        return doubtful("virtual machine", text, "its host may take the processor away at any time: for a line use a "
                        "computer of its own, or reserve processors")  # fmt: skip
    return right("virtual machine", text)


def check_load(root: Path) -> Finding:
    """Does who wakes up find a free processor?"""
    one, five = (float(text) for text in read(root / "proc/loadavg").split()[:2])
    processors = os.cpu_count() or 1
    text = f"{one:g} over 1 min, {five:g} over 5 min, on {processors} processors"
    waited = _pressure(peek(root / "proc/pressure/cpu"))
    if waited is not None:
        text += f"; somebody waited for one {waited:g} % of the last minute"
    if five > LOAD_SHARE * processors or (waited or 0.0) > PRESSURE_PERCENT:
        return doubtful("load", text, "see top for what else runs here; move it, or give it fewer processors")
    return right("load", text)


def _pressure(text: str) -> float | None:
    for line in text.splitlines():
        if line.startswith("some"):
            return float(dict(field.split("=") for field in line.split()[1:])["avg60"])
    return None


def check_quota(root: Path) -> Finding:
    """A container's share of processor time: who has used it up stands still until the next period."""
    groups = [line.split(":", 2)[2] for line in read(root / "proc/self/cgroup").splitlines() if line.startswith("0::")]
    folders = [root / "sys/fs/cgroup" / group.strip("/") for group in groups] + [root / "sys/fs/cgroup"]
    limits = [text for folder in folders if (text := peek(folder / "cpu.max"))]
    held = [limit for limit in limits if not limit.startswith("max")]
    if held:
        quota, period = map(int, held[0].split())
        return doubtful("quota", f"{quota / period:g} processors' time in each {period / 1000:g} ms", "who has used "
                        "it up stands still until the next one: take the limit away (CPUQuota=, --cpus)")  # fmt: skip
    return right("quota", "none")


def _check_affinity(root: Path, pid: int | None) -> Finding:
    isolated = peek(root / "sys/devices/system/cpu/isolated") or "none"
    whose, usable = ("the station", os.sched_getaffinity(pid)) if pid else ("this shell", os.sched_getaffinity(0))
    text = f"{whose} may use {len(usable)} of {os.cpu_count()} processors; isolated: {isolated}"
    if pid:
        policy = {os.SCHED_OTHER: "SCHED_OTHER", os.SCHED_FIFO: "SCHED_FIFO", os.SCHED_RR: "SCHED_RR"}
        text += f"; {policy.get(os.sched_getscheduler(pid), 'another policy')}"
    return right("affinity", text)


def check_memory(root: Path) -> Finding:
    """What a program can still have."""
    total_mb, available_mb = (_meminfo(root)[name] / 1024 for name in ("MemTotal", "MemAvailable"))
    text = f"{available_mb:,.0f} of {total_mb:,.0f} MB available"
    if available_mb < FREE_SHARE * total_mb:
        return doubtful("memory", text, "see top for who has it")
    return right("memory", text)


def check_swap(root: Path, pid: int | None) -> Finding:
    """What has gone to disk must come back before its part is inspected."""
    found = _meminfo(root)
    used_mb = (found["SwapTotal"] - found["SwapFree"]) / 1024
    own_kb = status_kb(root, pid, "VmSwap") if pid else 0
    text = f"{used_mb:,.0f} of {found['SwapTotal'] / 1024:,.0f} MB in use"
    if own_kb:
        return wrong("swap", f"{text}, {own_kb / 1024:.0f} MB of it the station's", "swapoff -a, or more memory")
    if used_mb >= 1:
        return doubtful("swap", text, "swapoff -a, and take it out of /etc/fstab: a line computer waits for no disk")
    return right("swap", text)


def _check_sleep(root: Path) -> Finding:
    if not (root / "run/systemd/system").is_dir():
        raise NotKnown("systemd does not run here (a container?)")
    told = answer("systemctl", "is-enabled", *SLEEPS, good=(0, 1)).split()
    awake = [name for name, state in zip(SLEEPS, told, strict=False) if not state.startswith("masked")]
    if len(told) != len(SLEEPS):
        raise NotKnown("systemctl does not know the sleep targets")
    if awake:
        return doubtful("sleep", f"not masked: {', '.join(awake)}", f"systemctl mask {' '.join(awake)}: a computer "
                        "that sleeps lets the belt go on without it")  # fmt: skip
    return right("sleep", "masked")


def _meminfo(root: Path) -> dict[str, int]:
    """kB by name."""
    lines = (line.split() for line in read(root / "proc/meminfo").splitlines())
    return {fields[0].rstrip(":"): int(fields[1]) for fields in lines if len(fields) > 1}
