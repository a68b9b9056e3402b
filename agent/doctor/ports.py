"""The ports that a station listens on: free for it, and open to those alone who may."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from agent.config import Config
from agent.doctor.looking import looked
from agent.doctor.subject import Subject
from agent.finding import Finding, doubtful, right, unknown, wrong
from agent.results.exposure import exposed, figures_exposed


def examine_ports(subject: Subject) -> Iterator[Finding]:
    """Bound for an instant, and given back; not while the station has them."""
    config = subject.config
    warnings = [exposed(config.publisher), figures_exposed(config.metrics) if config.metrics else ""]
    for warning in filter(None, warnings):
        yield doubtful("reach", warning, "docs/security.md says what is protected from whom")
    if not any(warnings):
        yield right("reach", "this computer alone, or with keys")
    if subject.running:
        yield unknown("ports", "skipped: the station runs and has them")
        return
    for what, endpoint in endpoints(config).items():
        yield looked(what, partial(check_free, what, endpoint))


def endpoints(config: Config) -> dict[str, str]:
    """Where this station listens, by key."""
    there = {f"publisher.{what}": getattr(config.publisher, what) for what in ("results", "replay", "control")}
    if config.metrics:
        there["metrics.endpoint"] = f"tcp://{config.metrics.endpoint}"
    if config.has_plc and config.plc.role == "server":
        there["plc.port"] = f"tcp://{config.plc.host}:{config.plc.port}"
    return there


def check_free(what: str, endpoint: str) -> Finding:
    """Could the station have it?"""
    address = urlsplit(endpoint)
    port = None
    with suppress(ValueError):
        port = address.port
    if address.scheme != "tcp" or not port:
        return unknown(what, f"not known: {endpoint} is no TCP port")
    host = "0.0.0.0" if address.hostname in ("*", None) else address.hostname
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except PermissionError:
            return doubtful(what, f"{endpoint} is below 1024, not for this user", "the drop-in low-port.conf lets the "
                            "service have it")  # fmt: skip
        except OSError as error:
            return wrong(what, f"{endpoint}: {(error.strerror or '').lower()}", "stop the other program (ss -ltnp "
                         "shows it), or choose another endpoint")  # fmt: skip
    return right(what, f"{endpoint} is free")
