"""What systemd is told: the other end of $NOTIFY_SOCKET."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def told_to_systemd(path: Path) -> Iterator[list[str]]:
    """Every message of this process and of those it starts, as it comes."""
    messages: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end, pytest.MonkeyPatch.context() as patch:
        end.bind(str(path))
        patch.setenv("NOTIFY_SOCKET", str(path))

        def listen() -> None:
            while message := end.recv(4096).decode():
                messages.append(message)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield messages
        finally:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
                own.sendto(b"", str(path))
            listener.join()


def statuses(messages: list[str]) -> list[str]:
    """STATUS= of them, as `systemctl status` showed one after another."""
    return [
        line.removeprefix("STATUS=") for text in messages for line in text.splitlines() if line.startswith("STATUS=")
    ]
