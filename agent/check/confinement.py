"""What the service's unit keeps from its station: folders that it cannot see, or not write to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from pathlib import Path
from typing import NamedTuple

from agent.check.drop_ins import drop_ins, unreadable
from agent.check.neighbours import is_of_the_service
from agent.check.sound import written_paths
from agent.config import Config
from agent.errors import in_words
from agent.service import unit_of

OWN = Path("/var/lib/linegate")
"""StateDirectory= is the folder in it that is called as the station's file."""
HIDDEN = {"/home": "ProtectHome", "/root": "ProtectHome", "/run/user": "ProtectHome", "/tmp": "PrivateTmp",
          "/var/tmp": "PrivateTmp"}  # fmt: skip
_OPENED = re.compile(r"^(?:ReadWritePaths|BindPaths)=(.*)$", re.MULTILINE)


class Kept(NamedTuple):
    """`key`: of the station's file."""

    key: str
    seen: str
    remedy: str


def kept_away(config: Config, sound: Set[str], station: Path) -> Iterator[Kept]:
    """Of a station whose file systemd reads; drop-ins that open more are respected."""
    if not is_of_the_service(station):
        return
    own, opening = OWN / station.stem, drop_ins(station)
    opened = [Path(word.lstrip("-+").rpartition(":")[2]) for line in _OPENED.findall(opening) for word in line.split()]
    for path, error in unreadable(station):
        yield Kept(
            "station", f"{path}: {in_words(error)}: what it opens or allows is not known", "look once more as root"
        )
    writes = dict(_writes(config, sound))
    for key, path in (written_paths(config, sound) | writes).items():
        path = path.absolute()
        by = next((by for folder, by in HIDDEN.items() if path.is_relative_to(folder)), "")
        if by and f"{by}=" not in opening:
            yield Kept(
                key, f"the service does not see {path} ({by}=yes in its unit)", f"put it elsewhere, as into {own}"
            )
        elif key in writes and not by and not any(path.is_relative_to(folder) for folder in (own, *opened)):
            yield Kept(
                key, f"the service may write to {own} alone, not to {path}",
                f"systemctl edit {unit_of(station)}, with [Service] and ReadWritePaths={path}",
            )  # fmt: skip


def _writes(config: Config, sound: Set[str]) -> Iterator[tuple[str, Path]]:
    if "station" in sound:
        yield "station.state_dir", config.station.state_dir
    if "archive" in sound and config.archive and config.archive.folder:
        yield "archive.folder", config.archive.folder
