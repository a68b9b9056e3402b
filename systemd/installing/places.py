"""Where everything lies on a line computer."""

from __future__ import annotations

import os
import re
from pathlib import Path

from installing.refused import BAD_ARGUMENTS, Refused

USER = "linegate"
DEFAULT_PREFIX = Path("/opt/linegate")
CONFIG = Path("/etc/linegate")
STATE = Path("/var/lib/linegate")
CACHE = Path("/var/cache/linegate")
UNITS = Path("/etc/systemd/system")
UNIT = UNITS / "linegate@.service"
RULE = Path("/etc/udev/rules.d/60-linegate.rules")
COMMAND = Path("/usr/local/bin/linegate")
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")
"""From the service, by ProtectHome and PrivateTmp."""


class Program:
    """The folder with the program: its versions, and which of them runs."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.versions = prefix / "versions"
        self.current = prefix / "current"
        self.previous = prefix / "previous"
        self.command = prefix / "bin" / "linegate"
        self.uv = prefix / "uv"
        """An environment with uv, where the computer has none."""
        self.downloads = prefix / "downloads"
        """While it installs."""

    def version(self, link: Path) -> str | None:
        """What `current` or `previous` leads to; None where there is no such link."""
        return Path(os.readlink(link)).name if link.is_symlink() else None

    def folder(self, version: str) -> Path:
        """Of one version: a virtual environment."""
        return self.versions / version


def find_program(asked: Path | None) -> Program:
    """Where it is installed, by the unit's own line; else where it is to go. Raises Refused."""
    installed = re.search(r"^ExecStart=(/\S+)/bin/linegate ", UNIT.read_text() if UNIT.exists() else "", re.M)
    there = Path(installed[1]) if installed else None
    prefix = asked or there or DEFAULT_PREFIX
    if not prefix.is_absolute() or not re.fullmatch(r"[\w./+-]+", str(prefix)):
        raise Refused(f"--prefix {prefix}: give an absolute path without blanks, as in {DEFAULT_PREFIX}", BAD_ARGUMENTS)
    if there and prefix != there:
        raise Refused(f"--prefix {prefix}: linegate is installed in {there}: uninstall it first", BAD_ARGUMENTS)
    require_seen(prefix, "--prefix")
    return Program(prefix)


def require_seen(path: Path, what: str) -> None:
    """The service must be able to read it. Raises Refused."""
    if any(path.is_relative_to(hidden) for hidden in HIDDEN):
        raise Refused(
            f"{what} {path}: hidden from a service: choose a place outside {', '.join(HIDDEN)}", BAD_ARGUMENTS
        )
