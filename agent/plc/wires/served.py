"""Which of our images the PLC can know, in the server's role: each by its AGENT_HB, and when it first went out. Pure.

A PLC that writes by itself does not say when its block was filled. But it echoes the AGENT_HB that it had read by
then, so the block cannot be older than the moment we first served that beat, however late it arrives.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from agent.plc.register_map import AGENT_BLOCK

MEMORY_BEATS = 4096
"""AGENT_HB wraps after 65,536: a beat that is still known is one of this lap."""
NO_BEAT = 0
"""What a PLC echoes that has read nothing yet."""


@dataclass(frozen=True)
class Served:
    """The first image with its beat, and when it was given out."""

    first_ns: int
    words: array[int]


class ServedImages:
    """The newest MEMORY_BEATS beats."""

    def __init__(self) -> None:
        self._by_beat: dict[int, Served] = {}

    def add(self, image: list[int], now_ns: int) -> None:
        """The whole image goes out now. While the heartbeat stands only the first counts: echoes look the same."""
        beat = AGENT_BLOCK.get(image, "AGENT_HB")
        if beat == NO_BEAT or beat in self._by_beat:
            return
        self._by_beat[beat] = Served(now_ns, array("H", image))
        if len(self._by_beat) > MEMORY_BEATS:
            del self._by_beat[next(iter(self._by_beat))]

    def of(self, beat: int) -> Served | None:
        """What went out with this beat; None when none did, or too long ago."""
        return self._by_beat.get(beat)
