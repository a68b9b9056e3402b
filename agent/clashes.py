"""Two keys of one station's file that want the same port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

EVERYWHERE = {"*", "0.0.0.0", "::"}
LOOPBACK = "127.0.0.1"


def clashes(addresses: Mapping[str, str]) -> Iterator[str]:
    """A line for each pair. `addresses` by key: ZeroMQ endpoints, or host:port."""
    for (key, address), (other_key, other) in combinations(addresses.items(), 2):
        if _same_place(address, other):
            yield f"{key} = '{address}' and {other_key} = '{other}' are the same place: give each a port of its own"


def _same_place(address: str, other: str) -> bool:
    if "tcp" not in (_transport(address), _transport(other)) or _transport(address) != _transport(other):
        return address == other
    (host, port), (other_host, other_port) = _host_port(address), _host_port(other)
    return port == other_port and (host == other_host or bool(EVERYWHERE & {host, other_host}))


def _transport(address: str) -> str:
    return address.partition("://")[0] if "://" in address else "tcp"


def _host_port(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    return LOOPBACK if host in ("localhost", "lo") else host.strip("[]"), port
