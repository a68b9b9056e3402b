"""Every change to the computer goes through here: told in a line, made only if it is none already, or only told."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from installing.refused import Refused


class Changes:
    """`dry_run`: only tell."""

    def __init__(self, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.any = False

    def make(self, what: str, act: Callable[[], object]) -> None:
        """Tell it and do it."""
        self.any = True
        print(f"would {what}" if self.dry_run else what, flush=True)
        if not self.dry_run:
            act()

    def run(self, what: str, *command: str | Path) -> None:
        """A program, quiet unless it fails. Raises Refused with what it said last."""
        self.make(what, lambda: run(*command))

    def write(self, path: Path, text: str | bytes, mode: int = 0o644, group: str = "root") -> bool:
        """A file, whole or not at all. False: it is like that already."""
        data = text.encode() if isinstance(text, str) else text
        if path.is_file() and path.read_bytes() == data:
            return False
        self.make(f"write {path}", lambda: _write(path, data, mode, group))
        return True

    def folder(self, path: Path, mode: int = 0o755, group: str = "root") -> None:
        """With those above it."""
        if not path.is_dir():
            self.make(f"make folder {path}", lambda: _make_folder(path, mode, group))

    def link(self, path: Path, target: str) -> None:
        """A symbolic link, changed in one step."""
        if not path.is_symlink() or os.readlink(path) != target:
            self.make(f"link {path} -> {target}", lambda: _link(path, target))

    def remove(self, path: Path) -> bool:
        """A file, link or whole folder. False: there is none."""
        if not path.is_symlink() and not path.exists():
            return False
        tree = path.is_dir() and not path.is_symlink()
        self.make(f"remove {path}", lambda: shutil.rmtree(path) if tree else path.unlink())
        return True

    def remove_if_empty(self, path: Path) -> None:
        """A folder."""
        if path.is_dir() and not any(path.iterdir()):
            self.make(f"remove {path}", path.rmdir)


def run(*command: str | Path, user: str | None = None, folder: Path = Path("/")) -> str:
    """What it prints; run in `folder`. Raises Refused with the last lines it said, if it fails."""
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, close_fds=False, cwd=folder,
            user=user, group=user, extra_groups=None if user is None else [],
        )  # fmt: skip
    except FileNotFoundError as error:
        raise Refused(f"{command[0]}: no such program") from error
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines()[-8:]
        why = "\n".join(said).removeprefix("error: ") or f"{command[0]} ended with {result.returncode}"
        raise Refused(why, result.returncode)
    return result.stdout


def run_all(commands: Sequence[Sequence[str | Path]]) -> None:
    """One after another."""
    for command in commands:
        run(*command)


def _write(path: Path, data: bytes, mode: int, group: str) -> None:
    new = path.with_name(f".{path.name}.new")
    with open(new, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    shutil.chown(new, "root", group)
    new.replace(path)


def _make_folder(path: Path, mode: int, group: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    shutil.chown(path, "root", group)


def _link(path: Path, target: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    new.replace(path)
