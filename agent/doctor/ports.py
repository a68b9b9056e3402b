"""The ports that a station listens on: free for it, and open to those alone who may."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import partial

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
    for key, host, port in config.listening():
        yield looked(key, partial(check_free, key, host, port))


def check_free(key: str, host: str, port: int) -> Finding:
    """Could the station have it?"""
    place = f"{host}:{port}"
    host = "0.0.0.0" if host == "*" else host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except PermissionError:
            return doubtful(key, f"{place} is below 1024, not for this user", "the drop-in low-port.conf lets the "
                            "service have it")  # fmt: skip
        except OSError as error:
            return wrong(key, f"{place}: {(error.strerror or '').lower()}", "stop the other program (ss -ltnp "
                         "shows it), or choose another endpoint")  # fmt: skip
    return right(key, f"{place} is free")
