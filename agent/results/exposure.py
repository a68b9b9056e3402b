"""Which of a station's endpoints can be reached from the network by whoever likes to."""

from __future__ import annotations

from agent.addresses import as_ip
from agent.results_config import MetricsConfig, PublisherConfig

ENDPOINTS = ("results", "replay", "control")


def exposed(config: PublisherConfig) -> str:
    """What to warn of, in a line, with the remedy; "" = with keys, or for this computer alone."""
    if config.station_key:
        return ""
    wide = [f"{what} = '{endpoint}'" for what in ENDPOINTS if not _is_local(endpoint := getattr(config, what))]
    if not wide:
        return ""
    return (
        f"publisher.{', '.join(wide)}: open to the network without keys, so whoever reaches it reads along"
        f"{' and gives commands' if not _is_local(config.control) else ''}: set station_key and client_keys "
        "(`linegate keys new`), or bind to 127.0.0.1"
    )


def figures_exposed(config: MetricsConfig) -> str:
    """As `exposed`: figures for Prometheus know no keys."""
    if _is_local(f"tcp://{config.endpoint}"):
        return ""
    return (
        f"metrics.endpoint = '{config.endpoint}': whoever reaches it reads the figures: let only the Prometheus server "
        "through the firewall, or bind to 127.0.0.1"
    )


def _is_local(endpoint: str) -> bool:
    transport, _, address = endpoint.partition("://")
    if transport != "tcp":
        return transport in ("ipc", "inproc")
    host = address.rpartition(":")[0].strip("[]")
    found = as_ip(host)
    return found.is_loopback if found else host in ("localhost", "lo")
