"""The server's role: the PLC is the Modbus client; it reads our block and writes its own whenever it likes.

Nobody knows when such a PLC filled its block, so a block counts as old as the AGENT_HB that it echoes
(agent/plc/wires/served.py). An echo also proves that the PLC has that image: this is its acknowledgement.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import time
from contextlib import suppress

from pymodbus.constants import ExcCodes

from agent.errors import ConfigError, Fault
from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK
from agent.plc.registers import Block
from agent.plc.wires.link_end import LinkEnd
from agent.plc.wires.modbus_server import Peer, Refusal, modbus_server
from agent.plc.wires.served import NO_BEAT, ServedImages
from agent.plc.wires.ticking import ticking

log = logging.getLogger(__name__)

SILENT_S = 1.0
LAST_READ_S = 0.5
"""At the end the PLC gets so long to read the image that says OFFLINE."""
HEADER_WORDS = min(ring.offset for ring in PLC_BLOCK.rings)
"""PLC_MS and AGENT_HB_ECHO lie in it: written apart, they would bracket a moment that never was."""
UNKNOWN_ECHO = (
    "PLC: its block echoes an AGENT_HB that it was never given, or too long ago: let its program read all "
    f"{AGENT_BLOCK.count} registers from HR{AGENT_BLOCK.base} on in one request, and copy AGENT_HB to AGENT_HB_ECHO"
)


class ServingWire:
    """Listens from the start. ConfigError: the address cannot be had; Fault: it cannot be had yet."""

    def __init__(self, host: str, port: int) -> None:
        self._where = f"{host}:{port}"
        self._socket = _listen(host, port)

    async def exchange_forever(self, link: LinkEnd) -> None:
        """Answer until the link stops; then let the PLC read the last image."""
        registers = ServedRegisters(link)
        async with ticking(link), modbus_server(self._socket, registers):
            link.report(f"PLC: listening on {self._where}, nobody has written yet")
            while not link.stopping:
                await link.bell.rung_before(time.monotonic() + SILENT_S)
                registers.report_silence()
            with suppress(TimeoutError):
                await asyncio.wait_for(registers.last_image_given(), LAST_READ_S)


class ServedRegisters:
    """Both blocks, as peers see them. The words that were read are always the newest: a verdict waits for nothing."""

    def __init__(self, link: LinkEnd) -> None:
        self._link = link
        self._served = ServedImages()
        self._words = [0] * PLC_BLOCK.count
        self._writer: Peer | None = None
        self._blocks = 0
        """Written by this writer."""
        self._writes_since_s = self._written_s = time.monotonic()
        self._complained: set[tuple[int, ExcCodes]] = set()
        self._ended = asyncio.Event()

    async def last_image_given(self) -> None:
        """The PLC has read what we say at the end, or there is none to read it."""
        if self._writer is not None:
            await self._ended.wait()

    def read(self, peer: Peer, address: int, count: int) -> list[int]:
        """Any part of one block; only a whole image can be echoed as known."""
        if _within(PLC_BLOCK, address, count):
            first = address - PLC_BLOCK.base
            return self._words[first : first + count]
        if not _within(AGENT_BLOCK, address, count):
            raise Refusal(ExcCodes.ILLEGAL_ADDRESS)
        last, image = self._link.stopping, self._link.image()
        if count == AGENT_BLOCK.count:
            self._served.add(image, time.monotonic_ns())
            if last:
                self._ended.set()
        first = address - AGENT_BLOCK.base
        return image[first : first + count]

    def write(self, peer: Peer, address: int, values: list[int]) -> None:
        """Any part of the PLC's block, the header in one piece; the part with the last register completes it.

        Parts of two fillings cannot pass for one: a trigger in between makes TRIG_HEAD and TRIG_TAIL differ, slots
        prove themselves by their sequence, and the times are all in the header.
        """
        received_ns = time.monotonic_ns()
        first, end = address - PLC_BLOCK.base, address - PLC_BLOCK.base + len(values)
        if not _within(PLC_BLOCK, address, len(values)):
            self._refuse(peer, ExcCodes.ILLEGAL_ADDRESS, f"writes registers {address} to {address + len(values) - 1}, "
                         f"only {PLC_BLOCK.base} to {PLC_BLOCK.base + PLC_BLOCK.count - 1} are its own")  # fmt: skip
        if first < HEADER_WORDS and (first, min(end, HEADER_WORDS)) != (0, HEADER_WORDS):
            self._refuse(peer, ExcCodes.ILLEGAL_ADDRESS,
                         f"writes its first {HEADER_WORDS} registers in pieces: write them in one request")  # fmt: skip
        self._become_writer(peer)
        self._written_s = time.monotonic()
        self._words[first:end] = values
        if end == PLC_BLOCK.count:
            self._digest(received_ns)

    def left(self, peer: Peer) -> None:
        """Another connection may write now, even an older one."""
        self._complained = {said for said in self._complained if said[0] != peer.number}
        if peer == self._writer:
            self._writer = None
            if self._link.stopping:
                self._ended.set()
            self._link.report(f"PLC at {peer.name} has closed its connection")

    def report_silence(self) -> None:
        """Say so when the PLC is still connected and does not write."""
        if self._writer is not None and time.monotonic() - self._written_s > SILENT_S:
            self._link.report(f"PLC at {self._writer.name} has stopped writing")

    def _digest(self, received_ns: int) -> None:
        echo = PLC_BLOCK.get(self._words, "AGENT_HB_ECHO")
        served = self._served.of(echo)
        self._blocks += 1
        if served is None:
            if not self._only_begins(echo):
                self._link.report(UNKNOWN_ECHO)
            return
        self._link.acknowledged(list(served.words), received_ns)
        self._link.digest(list(self._words), served.first_ns, received_ns)

    def _only_begins(self, echo: int) -> bool:
        """A PLC may write before it has read: it then echoes our last life, or nothing yet."""
        return self._blocks == 1 or (echo == NO_BEAT and time.monotonic() - self._writes_since_s < SILENT_S)

    def _become_writer(self, peer: Peer) -> None:
        """The newest connection that writes is believed: a PLC that came back must not wait for its own ghost."""
        if self._writer == peer:
            return
        if self._writer is not None and peer.number < self._writer.number:
            self._refuse(peer, ExcCodes.DEVICE_BUSY, f"writes too, but {self._writer.name} came later and is believed")
        self._writer, self._words = peer, [0] * PLC_BLOCK.count
        self._blocks, self._writes_since_s = 0, time.monotonic()
        log.info("PLC writes from %s", peer.name)

    def _refuse(self, peer: Peer, code: ExcCodes, what: str) -> None:
        """Reported once a connection."""
        if (peer.number, code) not in self._complained:
            self._complained.add((peer.number, code))
            self._link.report(f"PLC at {peer.name} {what}")
        raise Refusal(code)


def _within(block: Block, address: int, count: int) -> bool:
    return block.base <= address and address + count <= block.base + block.count


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        kind = Fault if error.errno == errno.EADDRNOTAVAIL else ConfigError
        raise kind(f"plc: cannot listen on {host}:{port}: {_REMEDIES.get(error.errno or 0, str(error))}") from error


_REMEDIES = {
    errno.EACCES: "permission denied: ports below 1024 need CAP_NET_BIND_SERVICE (CapabilityBoundingSet and "
    "AmbientCapabilities of the service); or choose another plc.port",
    errno.EADDRINUSE: "address in use: stop the other program or choose another plc.port",
    errno.EADDRNOTAVAIL: "no interface of this computer has the address (yet): mend plc.host or the network",
}
