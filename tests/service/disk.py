"""A computer on which systemd/install runs for real, as root: its /etc, /opt, /usr/local and /var end with the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.conftest import ROOT
from tests.waiting import wait_until

PYTHON = Path("/usr/bin/python3")
"""A service can see it, and it finds what it needs in the tests' own cache."""
UV = Path(sys.executable).with_name("uv")
SCRIPT = Path(__file__).with_name("disk.sh")
CHECKOUT = ("agent", "config", "constraints.txt", "docs", "export", "models", "pyproject.toml", "LICENSE", "README.md",
            "systemd", "trainer", ".ci")  # fmt: skip
KILLED = """
import builtins, os, runpy, signal, sys
step, sys.argv = sys.argv[1], sys.argv[2:]
say = print
def told(*words, **options):
    say(*words, **options)
    if step in str(words[0]):
        os.kill(os.getpid(), signal.SIGKILL)
builtins.print = told
runpy.run_path(sys.argv[0], run_name="__main__")
"""
TOUCHED = ("etc/linegate", "etc/systemd/system", "etc/udev", "opt/linegate", "usr/local/bin", "var/lib/linegate")


def why_not() -> str:
    """What this computer lacks for it; "" = nothing."""
    if os.geteuid() != 0:
        return "needs root, for a mount namespace of its own"
    ask = [PYTHON, "-c", "import sys; print(sys.version_info[:2] == eval(sys.argv[1]))", str(sys.version_info[:2])]
    if not PYTHON.exists() or _output(ask) != "True\n":
        return f"needs {PYTHON} to be of the tests' version: all that is installed would be downloaded otherwise"
    layers = "lowerdir=/etc,upperdir=/run/1,workdir=/run/2"
    probe = f"mount -t tmpfs tmpfs /run && mkdir /run/1 /run/2 && mount -t overlay -o {layers} overlay /etc && echo yes"
    return "" if _output(["unshare", "--mount", "bash", "-c", probe]) == "yes\n" else "needs mounts of its own"


def _output(command: list[Any]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def checkout(folder: Path, version: str) -> Path:
    """A copy of ours that says it is this version; its unit has a line more."""
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    project = folder / "pyproject.toml"
    project.write_text(project.read_text().replace('\nversion = "', f'\nversion = "{version}" # was "', 1))
    with (folder / "systemd" / "linegate@.service").open("a") as unit:
        unit.write(f"# {version}\n")
    return folder


class Computers:
    """All of a test file; each may begin as another has ended."""

    def __init__(self, folder: Path) -> None:
        self.layers = folder / "layers"
        self.layers.mkdir()

    def __enter__(self) -> Self:
        mount = f"mount -t tmpfs tmpfs {self.layers} && echo mounted && exec cat"
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", mount], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"mounted\n"
        return self

    def __exit__(self, *failure: Any) -> None:
        self._holder.communicate()

    def start(self, name: str, below: str = "-") -> Computer:
        """A new one; `below`: the name of one that has ended."""
        cache = _output([UV, "cache", "dir"]).strip()
        return Computer(
            ["nsenter", f"--target={self._holder.pid}", "--mount", "unshare", "--mount", "--propagation", "private",
             SCRIPT, self.layers, name, below, UV, cache]
        , Path(f"/proc/{self._holder.pid}/root") / self.layers.relative_to("/") / name)  # fmt: skip


class Computer:
    """`with computers.start('bare') as computer:`"""

    def __init__(self, enter: list[Any], layer: Path) -> None:
        self._enter, self._layer = enter, layer

    def __enter__(self) -> Self:
        command = [*self._enter, "bash", "-c", "echo up && exec cat"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"up\n"
        return self

    def __exit__(self, *failure: Any) -> None:
        self._process.communicate()

    def path(self, there: str) -> Path:
        """As we see what it has at this absolute path; not through a link that leads elsewhere there."""
        return Path(f"/proc/{self._process.pid}/root{there}")

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        """As root there."""
        return subprocess.run(
            self._command(command), env=self._environment, capture_output=True, text=True, check=False
        )

    def install_offline(self, source: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        """The same without network, and with nothing of the tests': as on a bare computer."""
        bare = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "unshare", "--net"]
        return self.run(*bare, source / "systemd" / "install", *arguments)

    def install(self, source: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        """systemd/install of that checkout."""
        return self.run(source / "systemd" / "install", *arguments)

    def install_killed_while(self, source: Path, begun: Callable[[], bool]) -> None:
        """The same, with kill -9 as soon as it has begun what can be seen so."""
        process = subprocess.Popen(self._command([source / "systemd" / "install"]), env=self._environment)
        wait_until(lambda: begun() or process.poll() is not None)
        assert process.poll() is None
        process.kill()
        process.wait()

    def install_killed_before(self, source: Path, step: str) -> None:
        """The same, with kill -9 where it has said that it does this, and has not."""
        process = self.run(PYTHON, "-c", KILLED, step, source / "systemd" / "install")
        assert process.returncode == -signal.SIGKILL, process.stdout + process.stderr

    def changed(self) -> set[str]:
        """Every file and link that differs from what it began with."""
        files = {path.relative_to(self._layer): path for path in self._layer.rglob("*") if not path.is_dir()}
        return {f"/{name}" for name, path in files.items() if not _same(path, Path("/") / name)}

    def state(self) -> dict[str, tuple[int, ...]]:
        """All that an installation touches: whatever is written anew looks different."""
        found = {}
        for place in TOUCHED:
            for path in self.path(f"/{place}").rglob("*"):
                with suppress(FileNotFoundError):
                    seen = path.lstat()
                    found[str(path).split("/root/", 1)[1]] = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_ino)
        return found

    def _command(self, command: Any) -> list[str]:
        return ["nsenter", f"--target={self._process.pid}", "--mount", *map(str, command)]

    @property
    def _environment(self) -> dict[str, str]:
        """With the tests' uv and what it has downloaded; links in place of 600 MB of copies, and no compiling."""
        own = {"UV_CACHE_DIR": "/run/uv-cache", "UV_LINK_MODE": "symlink", "UV_COMPILE_BYTECODE": "0"}
        return os.environ | own | {"PATH": f"/run/bin:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()
