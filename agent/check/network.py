"""Addresses of the PLC and of our own endpoints: what may be wrong with them although each is one."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Set
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

from agent.addresses import as_ip
from agent.check.drop_ins import drop_ins
from agent.check.problems import Problems
from agent.config import Config
from agent.results.exposure import exposed, figures_exposed

LOWEST_FREE = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
CAPABILITY = "CAP_NET_BIND_SERVICE"


def check_network(config: Config, sound: Set[str], problems: Problems) -> None:
    """Warnings, all of them: the network is not asked."""
    if "plc_table" in sound and config.has_plc:
        _check_plc(config, problems)
        if "camera" in sound and (camera := _camera_host(config)) and camera == config.plc.host:
            problems.warn("plc.host", f"{camera} is the camera's address too: each device has one of its own")
    if "publisher" in sound and (warning := exposed(config.publisher)):
        problems.warn("publisher.control" if "control = " in warning else "publisher", warning)
    if "metrics" in sound and config.metrics and (warning := figures_exposed(config.metrics)):
        problems.warn("metrics.endpoint", warning)
    if {"publisher", "metrics", "plc_table", "camera"} <= sound:
        for key, host, port in config.listening():
            _check_ours(key, host, port, problems)


def _check_plc(config: Config, problems: Problems) -> None:
    plc = config.plc
    if plc.transport == "rtu":
        return
    address = as_ip(plc.host)
    if address and address.is_global:
        problems.warn(
            "plc.host", f"{plc.host} is a public address, and Modbus knows no password: use a network of its own"
        )
    if address and address.is_unspecified and plc.role == "client":
        problems.error("plc.host", f"{plc.host} is no PLC's address: give the one it has, or set plc.role = 'server'")
    if address and address.is_unspecified and plc.role == "server":
        problems.warn(
            "plc.host", f"{plc.host} listens on every network, and Modbus knows no password: give the address of the "
            "network card that leads to the PLC"
        )  # fmt: skip


def _camera_host(config: Config) -> str:
    """Of a URL, or what a GenICam camera is called by; "" where it is none, or this computer's own."""
    source, host = getattr(config.camera, "source", ""), getattr(config.camera, "device", "")
    with suppress(ValueError):
        host = urlsplit(source).hostname or host
    address = as_ip(host)
    return "" if host == "localhost" or (address and address.is_loopback) else host


def _check_ours(key: str, host: str, port: int, problems: Problems) -> None:
    if port < _lowest_free() and not _may_have_low_ports(problems.file.path):
        problems.warn(
            key, f"port {port} is below {_lowest_free()}, which takes {CAPABILITY}: the unit's drop-in gives it "
            "(docs/install.md); or choose a higher port"
        )  # fmt: skip
    if (address := as_ip(host)) and not _is_here(address):
        problems.warn(key, f"{host} is no address of this computer: give one of its own, or 127.0.0.1")


def _is_here(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as sock:
        try:
            sock.bind((str(address), 0))
        except OSError:
            return False
    return True


def _lowest_free() -> int:
    return int(LOWEST_FREE.read_text()) if LOWEST_FREE.exists() else 1024


def _may_have_low_ports(station: Path) -> bool:
    return os.geteuid() == 0 or CAPABILITY in drop_ins(station)
