"""The stations that run here: which, since when, and whether they are READY again."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from installing.changes import Changes, run
from installing.places import Program
from installing.refused import Refused

READY_WITHIN_S = 90.0
TRIES = 3
"""So often it may fail meanwhile."""


@dataclass(frozen=True)
class Instance:
    """`unit`: such as linegate@line1.service."""

    unit: str
    state: str
    pid: int
    status: str
    restarts: int
    result: str

    @property
    def ready(self) -> bool:
        """It inspects, or says why it does not."""
        return self.state == "active"

    def runs(self, program: Program) -> bool:
        """Is it of the current version?"""
        try:
            started = Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:
            return False
        version = program.version(program.current)
        return version is not None and Path(started).is_relative_to(program.folder(version))


def running() -> list[Instance]:
    """Those that run or try to, and those that failed; not those that somebody has stopped."""
    if not Path("/run/systemd/system").is_dir():
        return []
    listed = run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", "linegate@*.service")
    found = [look(line.split()[0]) for line in listed.splitlines()]
    return [instance for instance in found if instance.state != "inactive"]


def look(unit: str) -> Instance:
    """How it stands now."""
    names = ("ActiveState", "MainPID", "StatusText", "NRestarts", "Result")
    shown = run("systemctl", "show", *(f"--property={name}" for name in names), unit)
    value = dict(line.split("=", 1) for line in shown.splitlines())
    return Instance(unit, value["ActiveState"], int(value["MainPID"]), value["StatusText"], int(value["NRestarts"]),
                    value["Result"])  # fmt: skip


def restart(unit: str, to_be_ready: bool, changes: Changes) -> None:
    """And wait until it is READY, where it is to be. Raises Refused with why it is not."""
    changes.make(f"restart {unit}", lambda: _restart(unit, to_be_ready))


def _restart(unit: str, to_be_ready: bool) -> None:
    end_s = time.monotonic() + READY_WITHIN_S
    run("systemctl", "reset-failed", unit)
    waits = [] if to_be_ready else ["--no-block"]
    with suppress(subprocess.TimeoutExpired):  # it waits for something: its status says for what
        subprocess.run(["systemctl", "restart", *waits, unit], capture_output=True, check=False, timeout=READY_WITHIN_S)
    while to_be_ready and not (now := look(unit)).ready:
        if now.state == "failed" or now.restarts >= TRIES or time.monotonic() > end_s:
            raise Refused(f"{unit} is not READY: {now.status or now.result}: journalctl -u {unit} -n 20")
        time.sleep(0.1)


def stop_all(changes: Changes) -> None:
    """Stopped, and not started at the next boot."""
    for path in sorted(Path("/etc/systemd/system").glob("*.wants/linegate@*.service")):
        changes.remove(path)
    for instance in running():
        changes.run(f"stop {instance.unit}", "systemctl", "stop", instance.unit)
        changes.make(f"forget {instance.unit}", partial(_forget, instance.unit))


def _forget(unit: str) -> None:
    subprocess.run(["systemctl", "reset-failed", unit], capture_output=True, check=False)
