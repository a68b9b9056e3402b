"""Where the camera listens: at its own address, and for the broadcast by which hosts look for cameras."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from agent.cameras.sim.device import Host
from agent.cameras.sim.gvcp import PORT
from agent.errors import UsageError

BROADCAST = "255.255.255.255"
Hear = Callable[[bytes, Host], bytes | None]


async def open_control(address: str, hear: Hear) -> list[asyncio.DatagramTransport]:
    """`hear` gives the answer to a datagram, if any. Raises UsageError with the remedy."""
    own = _bound(address, address)
    try:
        broadcast = _bound(BROADCAST, address)
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


def _bound(listen_on: str, address: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if listen_on == BROADCAST:  # several cameras on one computer share it
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((listen_on, PORT))
    except OSError as error:
        sock.close()
        raise UsageError(f"--address {address}: {_remedy(error, listen_on)}") from error
    return sock


def _remedy(error: OSError, listen_on: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"UDP port {PORT} of {listen_on} is in use, and GigE Vision has no other: stop the other camera, or give "
            "this one an address of its own, such as 127.0.0.2"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return "this computer has no such address: give one of `ip address`, or 127.0.0.1"
    return f"{(error.strerror or str(error)).lower()}: give an IPv4 address of this computer"
