"""The one table of profile B: discrete inputs, coils and three holding registers, for PLCs too small for profile A.

Addresses are zero-based PDU addresses. The PLC fills its inputs, the agent reads them with FC02; the agent writes
its registers with FC16 and then its coils with FC15. An image is a flat list of integers: bits first, then registers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from agent.plc.register_map import Ctrl
from agent.plc.registers import Register

WORD = 0x1_0000
"""PART and RESULT count on from 65535 to 0."""


@dataclass(frozen=True)
class Bit:
    """One discrete input or coil."""

    name: str
    address: int
    meaning: str


@dataclass(frozen=True)
class BitImage:
    """What one side tells the other: `bits` and `registers` each from address 0 on, without a gap."""

    name: str
    bits: tuple[Bit, ...]
    registers: tuple[Register, ...] = ()

    def new(self) -> list[int]:
        """All zero."""
        return [0] * (len(self.bits) + len(self.registers))

    def get(self, image: list[int], name: str) -> int:
        """A bit (0 or 1) or a register of the image."""
        return image[self._place[name]]

    def put(self, image: list[int], values: Iterable[tuple[str, int]]) -> None:
        """Set bits (to the truth of the value) and registers (to its low word) by name."""
        for name, value in values:
            place = self._place[name]
            image[place] = int(bool(value)) if place < len(self.bits) else value % WORD

    def split(self, image: list[int]) -> tuple[list[bool], list[int]]:
        """(bits, registers), as they travel."""
        return [bool(bit) for bit in image[: len(self.bits)]], image[len(self.bits) :]

    @cached_property
    def _place(self) -> dict[str, int]:
        registers = {register.name: len(self.bits) + register.offset for register in self.registers}
        return {bit.name: bit.address for bit in self.bits} | registers


PLC_BITS = BitImage(
    "PLC → agent",
    bits=(
        Bit("TRIGGER_ENABLE", 0, "level: TRIGGER counts; drop it at PLC start, else only between two parts"),
        Bit("TRIGGER", 1, "toggles for each part, while TRIGGER_READY and no other part is in flight"),
        Bit("RESULT_ACK", 2, "= RESULT_TOGGLE once the result has been taken"),
        Bit("CLEAR_FAULT", 3, "rising edge: clears FAULT, MISSED_ACQ, OVERRUN and STOP_REQUEST"),
        Bit("LINE_RUNNING", 4, "the belt runs"),
        Bit("BYPASS", 5, "keyed: the PLC lets every part pass; out of yield"),
        Bit("PLC_HB", 6, "toggles every 100 ms, or every 2 polls if that is longer"),
    ),
)

AGENT_BITS = BitImage(
    "agent → PLC",
    bits=(
        Bit("ONLINE", 0, "the station runs"),
        Bit("TRIGGER_READY", 1, "model, camera and PLC link are good and no part is open: the next trigger may come"),
        Bit("TRIGGER_ACK", 2, "= TRIGGER once it has been seen; PASS and REJECT are 0 first"),
        Bit("ACQUIRING", 3, "the part is announced and its photo not yet taken"),
        Bit("EXPOSURE_DONE", 4, "the photo is taken: the part may move"),
        Bit("RESULT_TOGGLE", 5, "differs from RESULT_ACK: a result is there, also when PASS and REJECT are both 0"),
        Bit("PASS", 6, "proven good; believed only with REJECT = 0, CODE = 0 and the part's number in RESULT"),
        Bit("REJECT", 7, "a defect; PASS and REJECT both 0 is no decision, both 1 is invalid: reject"),
        Bit("MISSED_ACQ", 8, "sticky until CLEAR_FAULT: a part got no photo"),
        Bit("OVERRUN", 9, "sticky until CLEAR_FAULT: a trigger came while a part was open; both got no decision"),
        Bit("FAULT", 10, "a stage hangs, the camera was lost, or an alarm is latched"),
        Bit("AGENT_HB", 11, "toggles every 100 ms, or every 2 scans, only while every stage makes progress"),
        Bit("STOP_REQUEST", 12, "stop the line: latched until CLEAR_FAULT"),
    ),
    registers=(
        Register("PART", 0, "the agent's number of the newest part, +1 for each trigger it sees, wraps"),
        Register("RESULT", 1, "number of the part that the result is for; other than PART: none yet"),
        Register("CODE", 2, "of the result: 0 ok, 1 defect, else why no decision (see REASON)"),
    ),
)


def ctrl_of(inputs: list[int]) -> Ctrl:
    """The inputs that profile A has in CTRL."""
    ctrl = Ctrl(0)
    for flag in (Ctrl.TRIGGER_ENABLE, Ctrl.LINE_RUNNING, Ctrl.CLEAR_FAULT, Ctrl.BYPASS):
        ctrl |= flag if PLC_BITS.get(inputs, str(flag.name)) else Ctrl(0)
    return ctrl
