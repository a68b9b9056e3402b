"""What goes wrong in the simulated PLC: it stands still, scans slowly, tears its block, gives wrong answers. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from pymodbus.framer.rtu import FramerRTU

FOREVER_S = float("inf")
TEAR_S = 0.004
"""Between the two halves of a torn block; reads fall in between."""
MBAP_BYTES, CRC_BYTES = 6, 2
READS = (3, 23)
WRITES = (5, 6, 15, 16)


@dataclass
class PlcFaults:
    """What is the matter now; times are seconds of the scan's clock."""

    scan_ms: float
    """The scan time when nothing is."""
    stalled_until_s: float = 0.0
    slow_ms: float = 0.0
    slow_until_s: float = 0.0
    torn_left: int = 0
    wrong: str = ""
    wrong_left: int = 0
    _chance: random.Random = field(default_factory=lambda: random.Random(1))

    def stalled(self, now_s: float) -> bool:
        """Does the program stand still while the communication processor answers with old memory?"""
        return now_s < self.stalled_until_s

    def scan_s(self, now_s: float) -> float:
        """The scan time now."""
        return (self.slow_ms if now_s < self.slow_until_s else self.scan_ms) / 1000

    def tear(self, words: int) -> list[slice] | None:
        """Which part of a block of so many words is published first, and which later; None: all at once."""
        if self.torn_left == 0:
            return None
        self.torn_left -= 1
        cut = self._chance.randrange(1, words)
        halves = [slice(0, cut), slice(cut, words)]
        return halves if self._chance.random() < 0.5 else halves[::-1]

    def spoil(self, packet: bytes, rtu: bool) -> bytes:
        """The answer as it goes out."""
        if self.wrong_left == 0:
            return packet
        spoiled = spoil(self.wrong, packet, rtu, self._chance)
        self.wrong_left -= spoiled != packet
        return spoiled

    def describe(self, now_s: float) -> list[str]:
        """What is the matter, for the status screen."""
        found = []
        if self.stalled(now_s):
            found.append(f"program stalled for {self.stalled_until_s - now_s:.1f} s more")
        if now_s < self.slow_until_s and self.slow_ms != self.scan_ms:
            more = "" if self.slow_until_s == FOREVER_S else f" for {self.slow_until_s - now_s:.1f} s more"
            found.append(f"scan {self.slow_ms:g} ms{more}")
        if self.torn_left:
            found.append(f"{self.torn_left} torn scans to come")
        if self.wrong_left:
            found.append(f"{self.wrong_left} wrong answers ({self.wrong}) to come")
        return found


def spoil(kind: str, packet: bytes, rtu: bool, chance: random.Random) -> bytes:
    """A right answer made wrong, its frame (length or CRC) right again; unchanged where it has nothing of the kind.

    `kind` is one of the menu's WRONG_ANSWERS. `echo` spoils only answers to writes, `tid` only TCP.
    """
    head, body = (b"", packet[:-CRC_BYTES]) if rtu else (packet[:MBAP_BYTES], packet[MBAP_BYTES:])
    if kind == "silence":
        return b""
    if kind == "garbage":
        return chance.randbytes(len(packet))
    if kind == "tid":
        return packet if rtu else bytes([head[0], head[1] ^ 0x55]) + packet[2:]
    return _frame(head, _BODIES[kind](bytearray(body)), rtu)


def _frame(head: bytes, body: bytes, rtu: bool) -> bytes:
    if rtu:
        return body + FramerRTU.compute_CRC(body).to_bytes(CRC_BYTES, "big")
    return head[:4] + len(body).to_bytes(2, "big") + body


def _unit(body: bytearray) -> bytes:
    body[0] ^= 0x0F
    return bytes(body)


def _function(body: bytearray) -> bytes:
    body[1] = {3: 4, 16: 15, 23: 3, 5: 6, 15: 16}.get(body[1], 3)
    return bytes(body)


def _exception(body: bytearray) -> bytes:
    return bytes([body[0], body[1] | 0x80, 4])


def _echo(body: bytearray) -> bytes:
    if body[1] in WRITES:
        body[3] ^= 0x01  # low byte of the address
    return bytes(body)


def _longer_by(registers: int) -> Callable[[bytearray], bytes]:
    def change(body: bytearray) -> bytes:
        if body[1] not in READS:
            return bytes(body)
        values = bytes(body[3:]) + bytes(2) if registers > 0 else bytes(body[3:-2])
        return bytes([body[0], body[1], len(values)]) + values

    return change


_BODIES: dict[str, Callable[[bytearray], bytes]] = {
    "fc": _function,
    "short": _longer_by(-1),
    "long": _longer_by(+1),
    "echo": _echo,
    "exception": _exception,
    "unit": _unit,
}
