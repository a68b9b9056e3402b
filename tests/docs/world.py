"""A place where every command of the documents can be run as it stands: their addresses, ports and paths are there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import genicam

from tests.conftest import ROOT
from tests.waiting import wait_until

ENDED_BY_CTRL_C = (0, 130, -signal.SIGINT)
LIMIT_S = 60
PRODUCER = Path(genicam.__path__[0]) / "viky.cti"
"""A vendor's GenTL producer."""


class World:
    """`with World(folder) as world:`, as root of Linux alone. Leaving it ends all that runs in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "forks"
        self._started: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}

    def __enter__(self) -> World:
        forks = [sys.executable, "-m", "tests.docs.forked_linegate", str(self._socket)]
        ends = ["setpriv", "--pdeathsig", "KILL"]  # with this process, however that ends
        spaces = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        world = [str(Path(__file__).with_name("world.sh")), str(self._folder), str(ROOT), *forks]
        self._spaces = subprocess.Popen([*ends, *spaces, *world], env=os.environ | {"CTI": str(PRODUCER)})
        fork = Path(__file__).with_name("linegate_fork")
        self._write_command("linegate", f'exec {sys.executable} -IS {fork} "$@"')
        wait_until(lambda: self._socket.exists() or self._spaces.poll() is not None, "linegate can be forked")
        assert self._spaces.poll() is None, "the namespaces could not be made: see the output above"
        self._inside = _child_of(self._spaces.pid)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spaces.kill()
        self._spaces.wait()
        for process, _ in self._started.values():
            process.wait()

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """The line, as bash has it, to its end; stdout and stderr together."""
        return subprocess.run(
            self._entered(line), env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

    def start(self, line: str, promise: str) -> None:
        """The line, until it has said what matches `promise`; it goes on until `stop`."""
        log = self._folder / f"{len(self._started)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self._entered(line), env=self._environment, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._started[line] = process, log
        wait_until(lambda: self._said(line, promise), f"{line} says {promise}", log.read_text)

    def _said(self, line: str, promise: str) -> bool:
        process, log = self._started[line]
        ended = process.poll()
        said = re.search(promise, log.read_text(errors="replace")) is not None
        assert said or ended is None, f"{line}: ended with {ended}, and has not said {promise}:\n{log.read_text()}"
        return said

    def stop(self, line: str) -> None:
        """Ctrl-C, and what a terminal shows then is no fault."""
        if line not in self._started:
            return
        process, log = self._started.pop(line)
        with suppress(ProcessLookupError, FileNotFoundError, ValueError):  # it has ended by itself
            os.killpg(_child_of(process.pid), signal.SIGINT)
        assert process.wait(LIMIT_S) in ENDED_BY_CTRL_C, f"{line}: {process.returncode}\n{log.read_text()}"

    def until(self, line: str, promise: str) -> None:
        """One that runs for ever, until it has said what matches `promise`."""
        try:
            self.start(line, promise)
        finally:
            self.stop(line)

    def _write_command(self, name: str, text: str) -> None:
        command = self._folder / name
        command.write_text(f"#!/bin/sh\n{text}\n")
        command.chmod(0o755)

    @property
    def _environment(self) -> dict[str, str]:
        own = f"{self._folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {
            "PATH": own,
            "LINEGATE_FORKS": str(self._socket),
            "WORLD": str(self._folder),
            "COLUMNS": "200",
            "PYTHONUNBUFFERED": "1",
        }

    def _entered(self, line: str) -> list[str]:
        enter = ["nsenter", "--target", str(self._inside), "--net", "--mount", "--pid", f"--wdns={ROOT}"]
        return [*enter, "setsid", "bash", "-euo", "pipefail", "-c", line]


def why_not() -> str:
    """Why there can be no such place on this computer; "" = there can."""
    if os.geteuid() != 0:
        return "network and mount namespaces need root"
    tried = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"],
                           capture_output=True, text=True, check=False)  # fmt: skip
    return tried.stderr.strip()


def _child_of(pid: int) -> int:
    """The one process that this one has started."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
