"""GVCP, the control protocol of GigE Vision, as the camera sees it: commands in, answers out. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

PORT = 3956
"""Of every GigE Vision camera; the standard knows no other."""
KEY = 0x42
WANTS_ANSWER = 0x01


class Code(IntEnum):
    """What a command asks for; its answer has the next number."""

    DISCOVERY = 0x02
    PACKET_RESEND = 0x40
    READ_REGISTER = 0x80
    WRITE_REGISTER = 0x82
    READ_MEMORY = 0x84
    WRITE_MEMORY = 0x86


class Status(IntEnum):
    """How it went; whatever is not OK is refused."""

    OK = 0
    NOT_IMPLEMENTED = 0x8001
    INVALID_PARAMETER = 0x8002
    INVALID_ADDRESS = 0x8003
    WRITE_PROTECT = 0x8004
    ACCESS_DENIED = 0x8006


class Refused(Exception):
    """The command is not obeyed, and the host is told why."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(frozen=True)
class Command:
    """One datagram of a host."""

    code: int
    wants_answer: bool
    request_id: int
    data: bytes

    def words(self) -> list[int]:
        """The data as 32-bit words."""
        return [word for (word,) in struct.iter_unpack(">I", self.data[: len(self.data) // 4 * 4])]

    def answer(self, data: bytes = b"", status: Status = Status.OK) -> bytes:
        """The datagram that goes back."""
        return struct.pack(">HHHH", status, self.code + 1, len(data), self.request_id) + data


def parse(datagram: bytes) -> Command | None:
    """None for whatever is no command."""
    if len(datagram) < 8:
        return None
    key, flags, code, length, request_id = struct.unpack(">BBHHH", datagram[:8])
    if key != KEY or length != len(datagram) - 8:
        return None
    return Command(code, bool(flags & WANTS_ANSWER), request_id, datagram[8:])
