"""The camera's stream: images as packets to the host, sent again on request, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import struct
from collections import OrderedDict
from contextlib import suppress

from agent.cameras.sim.device import Device
from agent.cameras.sim.faults import ImageFaults
from agent.cameras.sim.gvcp import Command
from agent.cameras.sim.gvsp import IP_UDP_BYTES, Block
from agent.cameras.sim.registers import STREAM_DELAY, STREAM_SOURCE, TICKS_PER_S
from agent.cameras.sim.sockets import bound

REMEMBERED_BYTES = 32_000_000
REMEMBERED_BLOCKS = 128
"""More than the hundred images by which Aravis knows a late one."""
SHORTEST_SLEEP_S = 0.001
UNAVAILABLE = 0x800C


class Stream:
    """From one UDP socket; images go out in the order in which they are given. Raises UsageError at no such address."""

    def __init__(self, address: str, faults: ImageFaults) -> None:
        self._socket = bound(address, 0)
        self._faults = faults
        self._sent: OrderedDict[int, Block] = OrderedDict()
        self._bytes = 0
        self._never_again: set[int] = set()
        self._held: Block | None = None
        self.cut = False
        """Nothing comes through."""

    def attach(self, device: Device) -> None:
        """The device whose registers say where to and how; a restarted camera has a new one."""
        self._device = device
        device.registers.put(STREAM_SOURCE, self._socket.getsockname()[1])
        self._sent.clear()
        self._bytes, self._held = 0, None

    async def send(self, block: Block, fault: str) -> None:
        """One image."""
        self._remember(block)
        if fault == "swap" and self._held is None:
            self._held = block
            return
        if fault == "stale":
            await self._send(self._oldest())
        if fault in ("incomplete", "resend"):
            await self._send(block, lost=1 + self._faults.one_of(len(block.packets(self._device.packet_bytes)) - 2))
            if fault == "incomplete":
                self._never_again.add(block.block_id)
        elif fault != "lose":
            await self._send(block)
        if fault == "duplicate":
            await self._send(block)
        if self._held is not None:
            held, self._held = self._held, None
            await self._send(held)

    def resend(self, request: Command) -> None:
        """PACKETRESEND: packets of an image that is still remembered."""
        if len(request.data) < 12:
            return
        block_id, first, last = struct.unpack(">xxHII", request.data[:12])
        block = self._sent.get(block_id)
        packets = block.packets(self._device.packet_bytes) if block and block_id not in self._never_again else []
        for packet_id in range(first & 0xFFFFFF, (last & 0xFFFFFF) + 1):
            if packet_id < len(packets):
                self._put(packets[packet_id])
            else:
                self._put(struct.pack(">HHI", UNAVAILABLE, block_id, 3 << 24 | packet_id))
                return

    def send_test_packet(self) -> None:
        """By which the host finds out whether packets of this size come through."""
        self._put(bytes(self._device.packet_bytes - IP_UDP_BYTES))

    def close(self) -> None:
        self._socket.close()

    def _remember(self, block: Block) -> None:
        self._never_again.discard(block.block_id)
        self._sent[block.block_id] = block
        self._bytes += len(block.data)
        while len(self._sent) > 1 and (self._bytes > REMEMBERED_BYTES or len(self._sent) > REMEMBERED_BLOCKS):
            self._bytes -= len(self._oldest().data)
            self._sent.popitem(last=False)

    def _oldest(self) -> Block:
        return next(iter(self._sent.values()))

    async def _send(self, block: Block, lost: int = -1) -> None:
        delay_s, owed_s = self._device.registers.word(STREAM_DELAY) / TICKS_PER_S, 0.0
        for packet_id, packet in enumerate(block.packets(self._device.packet_bytes)):
            if packet_id != lost:
                self._put(packet)
            owed_s += delay_s
            if owed_s >= SHORTEST_SLEEP_S:
                await asyncio.sleep(owed_s)
                owed_s = 0.0

    def _put(self, packet: bytes) -> None:
        host = self._device.stream_to
        if host is not None and not self.cut:
            with suppress(OSError):  # a network that is down loses packets, and no camera cares
                self._socket.sendto(packet, host)
