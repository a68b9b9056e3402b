"""Registers, rings and blocks: how values lie in 16-bit words, whatever the table says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Register:
    """One value: `words` registers at `offset`; a raw count times `scale` is the value in `unit`."""

    name: str
    offset: int
    meaning: str
    words: int = 1
    scale: float = 1.0
    signed: bool = False
    unit: str = ""

    def encode(self, value: float) -> tuple[int, ...]:
        """Value → registers, saturating at the ends of the range."""
        bits = 16 * self.words
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.signed else (0, (1 << bits) - 1)
        raw = min(high, max(low, round(value / self.scale))) & ((1 << bits) - 1)
        return tuple((raw >> (16 * i)) & 0xFFFF for i in reversed(range(self.words)))

    def decode(self, words: list[int]) -> float:
        """Registers → value."""
        raw = 0
        for word in words[: self.words]:
            raw = raw << 16 | word
        if self.signed and raw >> (16 * self.words - 1):
            raw -= 1 << (16 * self.words)
        return raw * self.scale if self.scale != 1.0 else raw


@dataclass(frozen=True)
class Ring:
    """`slots` equal groups of registers; a sequence number has its place at seq mod slots."""

    name: str
    offset: int
    slots: int
    registers: tuple[Register, ...]

    @property
    def slot_words(self) -> int:
        return sum(register.words for register in self.registers)

    def start(self, seq: int) -> int:
        """Offset in the block of the slot of `seq`."""
        return self.offset + (seq % self.slots) * self.slot_words


@dataclass(frozen=True)
class Block:
    """One contiguous run of holding registers that travels in one request."""

    name: str
    base: int
    registers: tuple[Register, ...]
    rings: tuple[Ring, ...]

    @property
    def count(self) -> int:
        """Registers in the block."""
        return max(end for _, end, _ in self.spans())

    def get(self, words: list[int], name: str) -> int:
        """The raw (unscaled) value of a register in the block's words."""
        register = self._by_name[name]
        return int(register.decode(words[register.offset : register.offset + register.words]))

    def put(self, words: list[int], name: str, value: float) -> None:
        """Write a value into the block's words."""
        register = self._by_name[name]
        words[register.offset : register.offset + register.words] = register.encode(value)

    def slot(self, words: list[int], ring: str, seq: int) -> dict[str, float]:
        """The values of the slot where `seq` has its place (whoever wrote it last)."""
        found = self._rings[ring]
        start = found.start(seq)
        return {r.name: r.decode(words[start + r.offset : start + r.offset + r.words]) for r in found.registers}

    def put_slot(self, words: list[int], ring: str, seq: int, values: Mapping[str, float]) -> None:
        """Fill the slot of `seq`; every register of the slot must be named."""
        found = self._rings[ring]
        start = found.start(seq)
        for register in found.registers:
            at = start + register.offset
            words[at : at + register.words] = register.encode(values[register.name])

    def spans(self) -> Iterator[tuple[int, int, str]]:
        """(first, end, name) of everything in the block, for the overlap check and the printed map."""
        for register in self.registers:
            yield register.offset, register.offset + register.words, register.name
        for ring in self.rings:
            yield ring.offset, ring.offset + ring.slots * ring.slot_words, ring.name

    @cached_property
    def _by_name(self) -> dict[str, Register]:
        return {register.name: register for register in self.registers}

    @cached_property
    def _rings(self) -> dict[str, Ring]:
        return {ring.name: ring for ring in self.rings}
