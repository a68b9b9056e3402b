"""A part of which the PLC hears nothing but what is forged, and the proof that it could have believed it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.plc.commissioning.accept_record import Part, Record
from agent.plc.commissioning.accept_rig import Rig
from agent.plc.register_map import AGENT_BLOCK, Status

TRIES = 3
"""So many parts in a row may be forged too late, by a computer that has other things to do."""


class ForgedPart:
    """`spoil(words, seq, part_id)` forges every image to which it `applies`."""

    def __init__(
        self,
        rig: Rig,
        part: Part,
        spoil: Callable[[list[int], int, int], None],
        applies: Callable[[list[int]], bool] = lambda words: True,
    ) -> None:
        self.part = part
        self._rig, self._spoil, self._applies = rig, spoil, applies
        self._sent_ns: dict[int, int] = {}
        """When it was forged, by AGENT_HB, since the last image that no PLC may believe."""

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Every image inside is forged."""
        self._rig.silence(self.part)
        with self._rig.forging(self._forge):
            yield

    def _forge(self, words: list[int]) -> None:
        if not self._applies(words):
            return
        if AGENT_BLOCK.get(words, "STATUS") & Status.READY:
            self._sent_ns[AGENT_BLOCK.get(words, "AGENT_HB")] = time.monotonic_ns()
        elif not self.part.due(self._rig.record.newest):
            self._sent_ns.clear()
        self._spoil(words, self.part.seq, self.part.part_id)

    @property
    def alone(self) -> bool:
        """Has the PLC heard nothing else of this part? A PLC that has its verdict looks for no other."""
        return self._rig.was_silent(self.part)

    @property
    def proves(self) -> bool:
        """Passed, or not passed although it could have been; else another part is to be tried."""
        return self.part.passed or self.in_time

    @property
    def in_time(self) -> bool:
        """Alone, and before its decision point?"""
        return self.alone and had_a_scan(self._rig.record, self.part, self._sent_ns)


def had_a_scan(record: Record, part: Part, sent_ns: dict[int, int]) -> bool:
    """Was a scan, begun after two of these AGENT_HB were confirmed, over before the part was due?

    Two, for a PLC that had missed the agent for a while believes the second block at the earliest.
    Of three values of the PLC's clock, read one after the other since then, the first scan may have begun before, and
    the second as soon as the first was over, before as well; the third began after the first was read.
    """
    beats = list(record.beats.items())
    confirmed_ns = sorted(at_ns for beat, at_ns in beats if beat in sent_ns and at_ns >= sent_ns[beat])
    if len(confirmed_ns) < 2:
        return False
    reads = (sample for sample in list(record.samples) if sample.sent_ns >= confirmed_ns[1] and not part.due(sample))
    return len({sample.get("PLC_MS") for sample in reads}) > 2
