"""Addresses in a station's file that no computer could have."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping


def wrong_host(key: str, host: str) -> Iterator[str]:
    """`host`: what should be a name or an address, and nothing else."""
    if "/" in host or " " in host:
        yield f"{key} = '{host}' is no address: give it alone, as '192.168.10.20'"
    elif host.count(":") == 1:
        yield f"{key} = '{host}': the port has a key of its own, {key.rpartition('.')[0]}.port"
    elif re.fullmatch(r"[\d.]+", host) and not as_ip(host):
        yield f"{key} = '{host}' is no address: it takes four numbers of at most 255, without leading zeros"


def wrong_endpoints(addresses: Mapping[str, str]) -> Iterator[str]:
    """Those of `addresses`, by key, that ZeroMQ could not bind."""
    for key, endpoint in addresses.items():
        transport, _, address = endpoint.partition("://")
        if transport == "tcp" and not _has_port(address):
            yield f"{key} = '{endpoint}' lacks a port from 1 to 65535: give tcp://ADDRESS:PORT, as tcp://127.0.0.1:5556"
        elif transport not in ("tcp", "ipc", "inproc") or not address:
            yield f"{key} = '{endpoint}' is no endpoint: give tcp://ADDRESS:PORT, as tcp://127.0.0.1:5556"


def _has_port(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def as_ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """None: it is a name, or nothing that a computer could have."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
