"""A computer of its own for a test: a real systemd and journald, the shipped unit, its user, `linegate` installed.

Nothing of it reaches this computer but the network's loopback: boot.sh says how. It needs root, and systemd's package.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.conftest import ROOT

BOOT = Path(__file__).with_name("boot.sh")
SYSTEMD, LIBRARY = Path("/lib/systemd/systemd"), Path("/lib/systemd/system")
UNIT = ROOT / "systemd" / "linegate@.service"
TOOLS = ("unshare", "nsenter", "setpriv", "pivot_root", "systemctl", "journalctl")
BOOT_LIMIT_S = 20
LAUNCHER = """#!/bin/sh
export LD_LIBRARY_PATH=/opt/linegate/python/lib PYTHONPATH=/opt/linegate/source:/opt/linegate/site
exec /opt/linegate/python/bin/{python} "$@"
"""
INSTALLED = {
    ROOT / name: f"/opt/linegate/source/{name}" for name in ("agent", "config", "models", "tests", "systemd")
} | {
    Path(sys.base_prefix): "/opt/linegate/python",
    Path(pytest.__file__).parent.parent: "/opt/linegate/site",
}
"""Where the service's user finds what lies in folders of ours that it must not enter."""


def why_not() -> str:
    """What this computer lacks for it; "" = nothing."""
    if os.geteuid() != 0:
        return "needs root, for namespaces of its own"
    if not SYSTEMD.exists():
        return "needs systemd: apt-get install systemd"
    lacking = [tool for tool in TOOLS if not shutil.which(tool)]
    return f"needs {', '.join(lacking)}" if lacking else ""


class Machine:
    """`with Machine(folder) as machine:` has it booted; leaving it, or the end of this process, ends all of it."""

    def __init__(self, folder: Path) -> None:
        self.etc, self.state, self._units = folder / "etc", folder / "state", folder / "units"
        for path in (self.etc, self.state, self._units, folder / "disk"):
            path.mkdir(parents=True)
        self._fill_units()
        shared = {folder / "etc": "/etc/linegate", folder / "state": "/var/lib/linegate"}
        shared |= {self._units: "/etc/systemd/system", self._fill_bin(folder / "bin"): "/opt/linegate/bin"} | INSTALLED
        (folder / "shared").write_text("".join(f"{here} {there}\n" for here, there in shared.items()))
        self._folder, self._first = folder, 0
        self.booted_s = 0.0

    def __enter__(self) -> Self:
        begun_s = time.monotonic()
        command = ["unshare", "--mount", "--propagation", "private", str(BOOT), str(self._folder)]
        with (self._folder / "boot.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait(lambda: self._find_first(), "systemd runs")
            up = "systemctl", "is-active", "multi-user.target"
            self._wait(lambda: self.run(*up).returncode == 0, "it is up", "systemctl", "list-units", "--all")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self.booted_s = time.monotonic() - begun_s
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(BOOT_LIMIT_S)

    # --- what is done on it ------------------------------------------------------------------------------------------

    def run(self, *command: object, check: bool = False) -> subprocess.CompletedProcess[str]:
        """As root on that computer."""
        enter = ["nsenter", f"--target={self._first}", "--mount", "--uts", "--ipc", "--pid", "--cgroup"]
        return subprocess.run([*enter, *map(str, command)], capture_output=True, text=True, check=check)

    def systemctl(self, *arguments: object) -> str:
        """What it prints; CalledProcessError when it fails."""
        return self.run("systemctl", *arguments, check=True).stdout

    def show(self, unit: str, *names: str) -> dict[str, str]:
        """These properties of a unit."""
        lines = self.systemctl("show", unit, *(f"--property={name}" for name in names)).splitlines()
        return dict(line.split("=", 1) for line in lines)

    def status(self, unit: str) -> str:
        """The line that `systemctl status` shows of it."""
        return self.show(unit, "StatusText")["StatusText"]

    def main_pid(self, unit: str) -> int:
        """As this computer counts its processes; 0 = none runs."""
        inside = int(self.show(unit, "MainPID")["MainPID"])
        return self._outside.get(inside, 0) if inside else 0

    def journal(self, unit: str) -> list[dict[str, Any]]:
        """Its entries so far, oldest first, with all their fields."""
        lines = self.run("journalctl", "--output=json", f"--unit={unit}", check=True).stdout.splitlines()
        return [json.loads(line) for line in lines]

    def drop_in(self, unit: str, name: str, text: str) -> None:
        """What `systemctl edit` would write."""
        folder = self._units / f"{unit}.service.d"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.conf").write_text(text)
        self.systemctl("daemon-reload")

    # --- how it is made ----------------------------------------------------------------------------------------------

    def _fill_units(self) -> None:
        """The shipped unit, and of systemd's own the targets and the journal: nothing that would set up hardware."""
        for unit in (*LIBRARY.glob("*.target"), *LIBRARY.glob("systemd-journald*")):
            if unit.is_file():
                shutil.copy(unit, self._units / unit.name)
        shutil.copy(UNIT, self._units)
        (self._units / "default.target").unlink(missing_ok=True)
        (self._units / "default.target").symlink_to("multi-user.target")
        wanted = self._units / "sockets.target.wants"
        wanted.mkdir()
        for socket in ("systemd-journald.socket", "systemd-journald-dev-log.socket"):
            (wanted / socket).symlink_to(f"../{socket}")

    def _fill_bin(self, folder: Path) -> Path:
        folder.mkdir()
        launcher = LAUNCHER.format(python=f"python{sys.version_info.major}.{sys.version_info.minor}")
        for name, text in (("python", launcher), ("linegate", launcher.replace('"$@"', '-m agent "$@"'))):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        return folder

    def _wait(self, met: Any, what: str, *tells: str) -> None:
        """`tells`: the command that says, on that computer, what it is at."""
        end_s = time.monotonic() + BOOT_LIMIT_S
        while not met():
            said = (self._folder / "boot.log").read_text()
            lost = self._process.poll() is not None or time.monotonic() > end_s
            told = self.run(*tells) if lost and tells else None
            assert not lost, f"waited in vain until {what}: {said}{told.stdout + told.stderr if told else ''}"
            time.sleep(0.02)

    def _find_first(self) -> bool:
        """The process that is PID 1 there: the uppermost, for what it forks has its name for a moment."""
        for process in self._below(self._process.pid):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                if (Path("/proc") / str(process) / "comm").read_text() == "systemd\n":
                    self._first = process
                    return True
        return False

    @property
    def _outside(self) -> dict[int, int]:
        """PID here by PID there, of all its processes."""
        found = {}
        for process in self._below(self._first):
            with suppress(FileNotFoundError, ProcessLookupError):
                (line,) = re.findall("^NSpid:.*", (Path("/proc") / str(process) / "status").read_text(), re.MULTILINE)
                found[int(line.split()[-1])] = process
        return found

    def _below(self, process: int) -> Iterator[int]:
        try:
            children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            return
        for child in map(int, children):
            yield child
            yield from self._below(child)
