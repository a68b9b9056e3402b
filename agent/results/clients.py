"""Who may listen to a station and who may command it: the public keys in a folder, followed while they change."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigError
from agent.keys import PUBLIC, Pair, load_pair, load_public
from agent.results_config import PublisherConfig

log = logging.getLogger(__name__)

OPERATORS = "operators"
WRITABLE_BY_GROUP, WRITABLE_BY_ALL = 0o020, 0o002


@dataclass(frozen=True)
class Client:
    """`name`: its key file's, without the ending."""

    name: str
    may_command: bool

    def __str__(self) -> str:
        return f"{self.name} (operator)" if self.may_command else self.name


@dataclass(frozen=True)
class Changes:
    """What another look at the folder has brought; false = nothing."""

    added: tuple[Client, ...] = ()
    removed: tuple[Client, ...] = ()
    unusable: tuple[str, ...] = ()
    """Complaints about files that let nobody in."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.unusable)

    def __str__(self) -> str:
        told = {"may get in now": self.added, "may not any more": self.removed, "not usable": self.unusable}
        return "; ".join(f"{what}: {', '.join(map(str, who))}" for what, who in told.items() if who)


class Clients:
    """Those whose keys lie in `folder`; in its folder `operators`, those who may command as well.

    Raises ConfigError when it is no folder, or all may write into it, or one of its key files cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folders = {folder: False, folder / OPERATORS: True}
        """Each with whether those in it may command."""
        _require_folder(folder)
        if (folder / OPERATORS).exists():
            _require_folder(folder / OPERATORS)
        self._state = self._look()
        self._by_key = {_public_key(path): client for path, client in self._files()}

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def operators(self) -> int:
        """How many of them may command."""
        return sum(client.may_command for client in self._by_key.values())

    def find(self, public: bytes) -> Client | None:
        """Whose public key this is, as Z85."""
        return self._by_key.get(public)

    def follow(self) -> Changes:
        """Read the folder again if it has changed."""
        state = self._look()
        if state == self._state:
            return Changes()
        found: dict[bytes, Client] = {}
        unusable = []
        for path, client in self._files():
            try:
                found[_public_key(path)] = client
            except ConfigError as error:
                unusable.append(str(error))
        before, self._by_key, self._state = self._by_key, found, state
        return Changes(
            tuple(client for key, client in found.items() if before.get(key) != client),
            tuple(client for key, client in before.items() if found.get(key) != client),
            tuple(unusable),
        )

    def _files(self) -> list[tuple[Path, Client]]:
        return [
            (path, Client(path.stem, may_command))
            for folder, may_command in self._folders.items()
            for path in sorted(folder.glob(f"*{PUBLIC}"))
        ]

    def _look(self) -> dict[Path, tuple[int, int, int]]:
        """What tells a changed file from an unchanged one."""
        seen = {}
        for path, _ in self._files():
            try:
                status = path.stat()
            except OSError:
                continue
            seen[path] = (status.st_mtime_ns, status.st_ino, status.st_size)
        return seen


def _public_key(path: Path) -> bytes:
    """As `load_public`; what is no plain file, as a FIFO, is not opened: that could take for ever."""
    if path.exists() and not path.is_file():
        raise ConfigError(f"{path}: no plain file: remove it")
    return load_public(path)


def _require_folder(path: Path) -> None:
    try:
        os.listdir(path)
    except OSError as error:
        raise ConfigError(
            f"publisher.client_keys: {path}: {os.strerror(error.errno or 0).lower()}: "
            "it has to be a folder that the station's user can read"
        ) from error
    mode = path.stat().st_mode
    if mode & WRITABLE_BY_ALL:
        raise ConfigError(f"{path}: everybody may add a key here: chmod o-w {path}")
    if mode & WRITABLE_BY_GROUP:
        log.warning("%s: whoever is of its group may add keys here, an operator's too: chmod g-w %s", path, path)


def load_access(config: PublisherConfig) -> tuple[Pair, Clients] | None:
    """The station's own keys and its clients'; None: it has none. Raises ConfigError for files that cannot be used."""
    if config.station_key is None or config.client_keys is None:
        return None
    return load_pair(config.station_key), Clients(config.client_keys)
