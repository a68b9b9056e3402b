"""How long Modbus RTU takes on a serial line, and which settings cannot hold on it. Pure arithmetic.

Source: MODBUS over Serial Line V1.02, §2.5: frames and the silence of 3.5 characters between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.plc.register_map import AGENT_BLOCK, PLC_BLOCK

GAP_CHARACTERS = 3.5
FIXED_GAP_BAUD, FIXED_GAP_MS = 19_200, 1.75
"""Above this rate the gap is fixed."""
# address, function, four or eight bytes of range, byte count, CRC
READ_REQUEST, READ_ANSWER, WRITE_REQUEST, WRITE_ANSWER, BOTH_REQUEST = 8, 5, 9, 8, 13


@dataclass(frozen=True)
class SerialLine:
    """One serial device and how its characters look."""

    device: str
    baud_rate: int = 115_200
    parity: Literal["none", "even", "odd"] = "even"
    stop_bits: int = 1

    @property
    def character_bits(self) -> int:
        """Start bit, eight data bits, parity, stop bits."""
        return 1 + 8 + (self.parity != "none") + self.stop_bits

    def characters_ms(self, count: float) -> float:
        """Time on the wire of so many characters."""
        return count * self.character_bits / self.baud_rate * 1000

    @property
    def gap_ms(self) -> float:
        """Silence that ends a frame."""
        return FIXED_GAP_MS if self.baud_rate > FIXED_GAP_BAUD else self.characters_ms(GAP_CHARACTERS)

    def exchange_ms(self, request: int, answer: int) -> float:
        """One request and its answer of so many characters, each with its gap, from a PLC that thinks for no time."""
        return self.characters_ms(request + answer) + 2 * self.gap_ms


@dataclass(frozen=True)
class Exchanges:
    """What a line needs, in ms: one read, one write of a verdict, a whole cycle, and the longest single exchange."""

    read_ms: float
    write_ms: float
    cycle_ms: float
    longest_ms: float

    @staticmethod
    def of_words(line: SerialLine, combined: bool) -> Exchanges:
        """Profile A: one FC03 and one FC16, or one FC23 a cycle and an FC16 for each new verdict."""
        image, answer = 2 * AGENT_BLOCK.count, READ_ANSWER + 2 * PLC_BLOCK.count
        read_ms = line.exchange_ms(READ_REQUEST, answer)
        write_ms = line.exchange_ms(WRITE_REQUEST + image, WRITE_ANSWER)
        both_ms = line.exchange_ms(BOTH_REQUEST + image, answer)
        cycle_ms = both_ms if combined else read_ms + write_ms
        return Exchanges(read_ms, write_ms, cycle_ms, max(read_ms, write_ms, both_ms if combined else 0.0))

    @staticmethod
    def of_bits(line: SerialLine) -> Exchanges:
        """Profile B: seven inputs in one byte; then three registers and thirteen coils in two."""
        read_ms = line.exchange_ms(READ_REQUEST, READ_ANSWER + 1)
        registers_ms = line.exchange_ms(WRITE_REQUEST + 6, WRITE_ANSWER)
        write_ms = registers_ms + line.exchange_ms(WRITE_REQUEST + 2, WRITE_ANSWER)
        return Exchanges(read_ms, write_ms, read_ms + write_ms, max(read_ms, registers_ms))
