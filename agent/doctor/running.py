"""Does the station run? Found out without touching what it holds."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from agent.config import Config
from agent.doctor.station import is_ours, pulses
from agent.errors import LinegateError
from agent.keys import ClientKeys

KNOCK_S = 1.0


def running_station(config: Config, keys: ClientKeys | None = None) -> int | None:
    """Its process; 0: it runs where its process cannot be seen, as in a container; None: it does not run."""
    pid = holder_of(config.station.state_dir / "lock")
    if pid is None and listens(config.publisher.control) and _speaks(config, keys):
        return 0
    return pid


def _speaks(config: Config, keys: ClientKeys | None) -> bool:
    """Is it this station that is heard at its endpoint? Where nobody is let in without a key, it is taken for it."""
    if config.publisher.station_key and keys is None:
        return True
    try:
        return any(is_ours(pulse, config.station) for pulse in pulses(config.publisher.results, keys, 0))
    except LinegateError:
        return True


def holder_of(lock: Path, root: Path = Path("/")) -> int | None:
    """Who holds the state folder's lock, by the kernel's list: to try it would keep a station from starting just then.

    Format: proc(5), /proc/locks. Filesystems without a device of their own, as btrfs, are listed under another number.
    """
    try:
        found, lines = lock.stat(), (root / "proc/locks").read_text().splitlines()
    except OSError:
        return None
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
    for fields in map(str.split, lines):
        if len(fields) < 6 or fields[1] != "FLOCK":
            continue
        held_device, _, inode = fields[5].rpartition(":")
        if inode == str(found.st_ino) and (held_device == device or not os.major(found.st_dev)):
            return int(fields[4])
    return None


def listens(endpoint: str) -> bool:
    """Does somebody take connections there? Of tcp endpoints only."""
    address = urlsplit(endpoint)
    with suppress(ValueError, OSError):
        if address.scheme == "tcp" and address.port:
            host = "127.0.0.1" if address.hostname in ("*", "0.0.0.0", None) else address.hostname
            socket.create_connection((host, address.port), KNOCK_S).close()
            return True
    return False
