"""GVSP, the stream protocol of GigE Vision: an image as leader, payload packets and trailer. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

IP_UDP_BYTES, HEAD_BYTES = 28, 8
"""SCPS counts the headers of IP and UDP into the packet's size."""
LEADER, TRAILER, PAYLOAD = 1, 2, 3
IMAGE = 1
LAST_BLOCK_ID = 65_535


def next_block_id(block_id: int) -> int:
    """It wraps from 65535 to 1: a 0 is never sent."""
    return block_id % LAST_BLOCK_ID + 1


@dataclass(frozen=True)
class Block:
    """One image on its way to the host."""

    block_id: int
    timestamp: int
    """Ticks of the camera's clock at the start of the exposure."""
    pixel_format: int
    width_px: int
    height_px: int
    offset_x_px: int
    offset_y_px: int
    data: bytes

    def packets(self, packet_bytes: int) -> list[bytes]:
        """In order; the place in the list is the packet's id, 0 the leader, the last the trailer."""
        room = packet_bytes - IP_UDP_BYTES - HEAD_BYTES
        pieces = [(LEADER, self._leader())]
        pieces += [(PAYLOAD, self.data[at : at + room]) for at in range(0, len(self.data), room)]
        pieces.append((TRAILER, struct.pack(">HHI", 0, IMAGE, self.height_px)))
        return [
            struct.pack(">HHI", 0, self.block_id, kind << 24 | packet_id) + piece
            for packet_id, (kind, piece) in enumerate(pieces)
        ]

    def _leader(self) -> bytes:
        return struct.pack(
            ">HHQIIIIIHH", 0, IMAGE, self.timestamp, self.pixel_format, self.width_px, self.height_px,
            self.offset_x_px, self.offset_y_px, 0, 0,
        )  # fmt: skip
