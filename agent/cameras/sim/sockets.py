"""Where the camera listens: at its own address, and for the broadcast by which hosts look for cameras."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from agent.cameras.sim.device import Host
from agent.cameras.sim.gvcp import PORT
from agent.errors import UsageError, in_words

BROADCAST = "255.255.255.255"
Hear = Callable[[bytes, Host], bytes | None]


async def open_control(address: str, hear: Hear) -> list[asyncio.DatagramTransport]:
    """`hear` gives the answer to a datagram, if any. Raises UsageError with the remedy."""
    own = bound(address, PORT)
    try:
        broadcast = bound(BROADCAST, PORT)
    except UsageError:
        own.close()
        raise
    loop = asyncio.get_running_loop()
    at_home, _ = await loop.create_datagram_endpoint(lambda: _Ear(hear), sock=own)
    answering = at_home

    def hear_broadcast(datagram: bytes, host: Host) -> None:
        answer = hear(datagram, host)
        if answer is not None:
            answering.sendto(answer, host)

    everywhere, _ = await loop.create_datagram_endpoint(lambda: _Ear(hear_broadcast), sock=broadcast)
    return [at_home, everywhere]


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, hear: Callable[[bytes, Host], bytes | None]) -> None:
        self._hear = hear

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Host) -> None:
        answer = self._hear(data, addr)
        if answer is not None:
            self._transport.sendto(answer, addr)


def bound(address: str, port: int) -> socket.socket:
    """A UDP socket; port 0 = any. Raises UsageError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if address == BROADCAST:  # several cameras on one computer share it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise UsageError(f"--address: {_remedy(error, address)}") from error
    return sock


def _remedy(error: OSError, address: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"UDP port {PORT} of {address} is in use, and GigE Vision has no other: stop the other camera, or give "
            "this one an address of its own, such as 127.0.0.2"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this computer has no address {address}: give one that `ip address` shows, or 127.0.0.1"
    return f"{address}: {in_words(error)}: give an IPv4 address of this computer"
