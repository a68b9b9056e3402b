"""How much of a GigE camera's frames the kernel holds until Aravis fetches it, and how fast Aravis sees it."""

from __future__ import annotations

import logging
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.cameras.drivers.aravis_library import Aravis

log = logging.getLogger(__name__)

SOCKET_BYTES = 32 << 20
MAX_SOCKET_BYTES = Path("/proc/sys/net/core/rmem_max")


def create_stream(camera: Any, payload_bytes: int) -> Any:
    """Through an ordinary socket where the kernel lets one hold a whole frame; else as Aravis likes.

    Aravis' own choice where it has CAP_NET_RAW, a packet ring, gathers packets for up to 5 ms before it looks.
    """
    if not camera.is_gv_device():
        return camera.create_stream(None, None)
    most_bytes = _most_bytes()
    if most_bytes < 2 * payload_bytes:
        log.warning(
            "a frame has %d bytes and the kernel holds no more than %d: as root sysctl -w net.core.rmem_max=%d",
            payload_bytes, most_bytes, SOCKET_BYTES,
        )  # fmt: skip
        return camera.create_stream(None, None)
    camera.gv_set_stream_options(Aravis.GvStreamOption.PACKET_SOCKET_DISABLED)
    stream = camera.create_stream(None, None)
    _deepen(stream.get_port())
    return stream


def _most_bytes() -> int:
    with suppress(OSError, ValueError):
        return int(MAX_SOCKET_BYTES.read_text())
    return 0


def _deepen(port: int) -> None:
    """Aravis would do it only once the first frame has come, and thereby lose it."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as udp:
                if udp.family == socket.AF_INET and udp.type == socket.SOCK_DGRAM and udp.getsockname()[1] == port:
                    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
