"""What the PLC program sees in a scan beside the agent's block: photo-eye, belt and panel. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """The photo-eye has seen a part; the high-speed counter has latched the encoder."""

    part_id: int
    ms: int
    enc: int = 0
    challenge: bool = False
    """Known to be bad: the operator's test part."""


@dataclass(frozen=True)
class BeltInputs:
    """What the PLC's inputs say of the belt in this scan."""

    encoder: int = 0
    """u32 count, wraps."""
    counts_per_s: int = 0
    confirmed: int = 0
    """Parts seen by the sensor behind the reject arm, u16, wraps."""
    moves: bool = True
    """FALSE: the belt stands, and by the clock too no part comes nearer to the arm."""


STANDING = BeltInputs()


@dataclass
class Panel:
    """What the operator has set; the PLC passes it on."""

    set_offline: bool = False
    clear_fault: bool = False
    bypass: bool = False
    """Behind a key: everything passes."""
    reject_all: bool = False
    job: int = 0
    command: int = 0
    command_arg: int = 0
    command_seq: int = 0
