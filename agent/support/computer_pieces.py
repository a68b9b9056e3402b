"""What the computer says: versions, service, logs, hardware, and what check and doctor find."""

from __future__ import annotations

import io
import json
import os
import platform
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from agent.doctor.examined import Examined
from agent.doctor.looking import NotKnown, answer, peek
from agent.doctor.text import Paper
from agent.support.case import Case, as_json

LOOK_S = 150.0
"""The doctor takes some 15 s; a PLC that comes by itself is waited for, and a camera's library may hang."""
LOG_LINES = 50_000
ERRORS = 500
KERNEL_LINES = 2_000
LOGS_S = 30.0
FILES = (
    "/etc/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/mounts",
    "/proc/interrupts", "/proc/driver/nvidia/version", "/proc/cmdline",
)  # fmt: skip
COMMANDS = (
    ("lscpu",), ("ip", "-s", "link"), ("ip", "addr"), ("ip", "route"), ("lsusb",), ("nvidia-smi",), ("timedatectl",),
    ("df", "-h"),
)  # fmt: skip


def versions(case: Case) -> str:
    """As `pip freeze` has them, and what they run on."""
    installed = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    system = [f"# Python {sys.version}", f"# in {sys.prefix}", f"# {platform.platform()}"]
    return "\n".join([*system, *sorted(installed, key=str.lower), ""])


def computer(case: Case) -> str:
    """Some files of the kernel, and what some programs say where they are there."""
    told = [f"===== {path}\n{peek(Path(path)) or 'not there'}\n" for path in FILES]
    for command in COMMANDS:
        try:
            said = answer(*command)
        except NotKnown as why:
            said = f"not known: {why}\n"
        told.append(f"===== {' '.join(command)}\n{said}")
    return "\n".join(told)


def unit(case: Case) -> str:
    """Unit and drop-ins as systemd has read them, every property, and its status."""
    status = answer("systemctl", "status", "--no-pager", "--full", "--lines=0", case.unit, good=(0, 3, 4))
    return "\n".join([
        f"===== systemctl status\n{status}",
        f"===== systemctl cat\n{answer('systemctl', 'cat', '--no-pager', case.unit)}",
        f"===== systemctl show\n{answer('systemctl', 'show', '--no-pager', case.unit)}",
    ])  # fmt: skip


def logs(case: Case) -> str:
    """The service's."""
    since = f"--since=-{case.hours}h"
    said = answer("journalctl", "--no-pager", "--quiet", "-o", "short-iso-precise", "-u", case.unit, since,
                  f"--lines={LOG_LINES}", within_s=LOGS_S)  # fmt: skip
    if not said.strip():
        raise NotKnown(f"systemd has none of {case.unit} in the last {case.hours} h: a station that was started by "
                       "hand writes to its terminal; or this user may not read them (systemd-journal)")  # fmt: skip
    return said


def errors(case: Case) -> str:
    """Of the service's log the errors with all their fields: TRACEBACK, THREADS."""
    said = answer("journalctl", "--no-pager", "--quiet", "-o", "json", "--all", "-p", "err", "-u", case.unit,
                  f"--since=-{case.hours}h", f"--lines={ERRORS}", within_s=LOGS_S)  # fmt: skip
    entries = [json.loads(line) for line in said.splitlines()]
    if not entries:
        raise NotKnown(f"systemd has no error of {case.unit} in the last {case.hours} h that this user may read")
    fields = [{name: case.secrets.blotted(_text(value)) for name, value in entry.items()} for entry in entries]
    return as_json(fields)


def _text(value: Any) -> str:
    """A field as journalctl's JSON has it: text, several of one name, or bytes where it is not printable."""
    if isinstance(value, list) and all(isinstance(byte, int) for byte in value):
        return bytes(value).decode(errors="replace")
    return "\n".join(map(_text, value)) if isinstance(value, list) else str(value)


def kernel_log(case: Case) -> str:
    """Disk errors, network ports and USB devices that come and go."""
    try:
        return answer("journalctl", "--no-pager", "--quiet", "-k", f"--lines={KERNEL_LINES}", within_s=LOGS_S)
    except NotKnown:
        return answer("dmesg", within_s=LOGS_S)


def check(case: Case) -> str:
    """What `linegate check` prints. Raises NotKnown."""
    return _looked(case, "check", good=(0, 78))


def doctor(case: Case) -> str:
    """Its findings as JSON. Raises NotKnown."""
    case.config  # noqa: B018 - without one there is nothing to look at
    return _looked(case, "doctor", "--json", good=(0, 1))


def _looked(case: Case, by: str, *options: str, good: tuple[int, ...]) -> str:
    """In a process of its own: a camera's library may hang or crash."""
    command = [sys.executable, "-m", "agent", by, str(case.path.resolve()), *options]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, complaint = process.communicate(timeout=LOOK_S)
    except subprocess.TimeoutExpired as error:
        raise NotKnown(f"linegate {by} has not ended within {LOOK_S:g} s: camera or PLC may hang") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode not in good or not said.strip():
        last = (complaint.strip() or f"exit {process.returncode}").splitlines()[-1]
        raise NotKnown(f"linegate {by} says: {last.removeprefix('error: ')}")
    return said


def doctor_text(findings: str) -> str:
    """The same for people."""
    examined, text = Examined.model_validate_json(findings), io.StringIO()
    paper = Paper(text)
    for group in examined.groups:
        paper.group(group)
    paper.end(examined)
    return text.getvalue()
