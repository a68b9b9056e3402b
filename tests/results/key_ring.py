"""A station's keys and those of three clients: one may listen, one may command as well, one is a stranger."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import copy

from agent.keys import ClientKeys, load_client_keys, write_new_keys
from agent.results_config import PublisherConfig
from tests.waiting import local_ports


class KeyRing:
    """All in one folder; `clients` is what the station knows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clients = folder, folder / "clients"
        (self.clients / "operators").mkdir(parents=True)
        for name in ("station", "listener", "operator", "stranger"):
            write_new_keys(name, folder)
        self.admit("listener")
        self.admit("operator", self.clients / "operators")

    def admit(self, name: str, folder: Path | None = None) -> None:
        """Add somebody to the station's list, in one step as `mv` does."""
        target = (folder or self.clients) / f"{name}.key"
        os.replace(copy(self.folder / f"{name}.key", target.with_suffix(".new")), target)

    def keys(self, name: str, station: str = "station") -> ClientKeys:
        """What that client shows, to whom."""
        keys = load_client_keys(self.folder / f"{station}.key", self.folder / f"{name}.key_secret")
        assert keys is not None
        return keys

    @property
    def table(self) -> dict[str, str]:
        """The lines of [publisher]."""
        return {"station_key": str(self.folder / "station.key_secret"), "client_keys": str(self.clients)}

    def config(self) -> PublisherConfig:
        """A station with these keys, at free ports."""
        return local_ports("control").model_copy(update={name: Path(path) for name, path in self.table.items()})
