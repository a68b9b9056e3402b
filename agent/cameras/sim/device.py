"""The camera's control side: obeys one host at a time, for as long as that gives signs of life."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.cameras.sim import registers as at
from agent.cameras.sim.gvcp import Code, Command, Refused, Status
from agent.cameras.sim.registers import Identity, Registers

Host = tuple[str, int]
EXCLUSIVE, MAY_WRITE = 0x1, 0x3
LATCH, RESET = 2, 1


@dataclass
class Clock:
    """The camera's own: it starts with the camera and knows nothing of the host's."""

    started_ns: int
    """CLOCK_MONOTONIC of the host when it showed 0."""

    def ticks(self, at_ns: int) -> int:
        """What it shows at this instant of CLOCK_MONOTONIC."""
        return (at_ns - self.started_ns) & 0xFFFF_FFFF_FFFF_FFFF


class Device:
    """Answers commands. `does`: what happens behind a write, by feature name or address."""

    def __init__(self, identity: Identity, does: Mapping[str | int, Callable[[], None]], started_ns: int) -> None:
        self.registers = Registers(identity)
        self.clock = Clock(started_ns)
        self.controller: Host | None = None
        self.acquiring = False
        self._does = does
        self._heard_ns = started_ns

    def obey(self, command: Command, host: Host, now_ns: int) -> bytes | None:
        """The answer, if one is wanted."""
        if host == self.controller:
            self._heard_ns = now_ns
        try:
            answer = command.answer(self._execute(command, host, now_ns))
        except Refused as refused:
            answer = command.answer(status=refused.status)
        return answer if command.wants_answer or command.code == Code.DISCOVERY else None

    def lose_silent_controller(self, now_ns: int) -> bool:
        """The host that has given no sign of life within its heartbeat time-out has control no more."""
        limit_ns = self.registers.word(at.HEARTBEAT) * 1_000_000
        if self.controller is None or now_ns - self._heard_ns <= limit_ns:
            return False
        self._release()
        return True

    @property
    def stream_to(self) -> Host | None:
        """Where images go; None: the host has opened no stream."""
        port = self.registers.word(at.STREAM_PORT) & 0xFFFF
        host = ".".join(map(str, self.registers.read(at.STREAM_HOST, 4)))
        return (host, port) if port else None

    @property
    def packet_bytes(self) -> int:
        """A packet's size, with the headers of IP and UDP."""
        return max(576, self.registers.word(at.STREAM_PACKET) & 0xFFFF)

    def _execute(self, command: Command, host: Host, now_ns: int) -> bytes:
        if command.code == Code.DISCOVERY:
            return self.registers.read(0, at.DISCOVERY_BYTES)
        if self._locked_for(host):
            raise Refused(Status.ACCESS_DENIED)
        words = command.words()
        if command.code == Code.READ_REGISTER:
            return b"".join(self.registers.read(address, 4) for address in words)
        if command.code == Code.READ_MEMORY and len(words) == 2:
            return command.data[:4] + self.registers.read(words[0], words[1] & 0xFFFF)
        if command.code == Code.WRITE_REGISTER:
            for place in range(0, len(words) - 1, 2):
                self._write(words[place], struct.pack(">I", words[place + 1]), host, now_ns)
            return struct.pack(">HH", 0, len(words) // 2)
        if command.code == Code.WRITE_MEMORY and words:
            self._write(words[0], command.data[4:], host, now_ns)
            return struct.pack(">HH", 0, len(command.data) - 4)
        raise Refused(Status.NOT_IMPLEMENTED)

    def _locked_for(self, host: Host) -> bool:
        """Has another host exclusive access?"""
        return self.controller not in (None, host) and bool(self.registers.word(at.CONTROL) & EXCLUSIVE)

    def _write(self, address: int, data: bytes, host: Host, now_ns: int) -> None:
        if self.controller is not None and host != self.controller:
            raise Refused(Status.ACCESS_DENIED)
        if self.controller is None and address != at.CONTROL:
            raise Refused(Status.ACCESS_DENIED)
        what = self.registers.write(address, data, self.acquiring)
        if what == at.CONTROL:
            self._control(host, now_ns)
        elif what == at.TIMESTAMP_CONTROL:
            self._timestamp(now_ns)
        elif what in ("Width", "Height", "PixelFormat"):
            get = self.registers.number
            self.registers.set("PayloadSize", get("Width") * get("Height") * (get("PixelFormat") >> 16 & 0xFF) // 8)
        elif what == at.STREAM_PACKET:
            self._stream_packet()
        if what in self._does:
            self._does[what]()

    def _control(self, host: Host, now_ns: int) -> None:
        if self.registers.word(at.CONTROL) & MAY_WRITE:
            self.controller, self._heard_ns = host, now_ns
        else:
            self._release()

    def _release(self) -> None:
        self.controller, self.acquiring = None, False
        self.registers.put(at.CONTROL, 0)
        self.registers.put(at.STREAM_PORT, 0)

    def _timestamp(self, now_ns: int) -> None:
        if self.registers.word(at.TIMESTAMP_CONTROL) & RESET:
            self.clock.started_ns = now_ns
        if self.registers.word(at.TIMESTAMP_CONTROL) & LATCH:
            self.registers.put(at.TIMESTAMP, self.clock.ticks(now_ns), 8)
        self.registers.put(at.TIMESTAMP_CONTROL, 0)

    def _stream_packet(self) -> None:
        """The test packet is fired by a bit that reads 0 again."""
        word = self.registers.word(at.STREAM_PACKET)
        self.registers.put(at.STREAM_PACKET, word & ~at.TEST_PACKET)
        if word & at.TEST_PACKET and "test packet" in self._does:
            self._does["test packet"]()
