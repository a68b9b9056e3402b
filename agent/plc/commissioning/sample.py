"""One read of the PLC's block, and what can be measured over many of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from agent.plc.decision import MS
from agent.plc.register_map import MAP_ID, MAX_SEQ, PLC_BLOCK, RING_SLOTS


@dataclass(frozen=True)
class Sample:
    """The PLC's memory was sampled somewhere between the two times (CLOCK_MONOTONIC)."""

    words: list[int]
    sent_ns: int
    received_ns: int

    def get(self, name: str) -> int:
        """The raw value of a register."""
        return PLC_BLOCK.get(self.words, name)

    @property
    def whole(self) -> bool:
        """Is it our map, and not torn?"""
        return self.get("MAP_ID") == MAP_ID and self.get("TRIG_HEAD") == self.get("TRIG_TAIL")

    @property
    def round_trip_ms(self) -> float:
        """From the request to its answer."""
        return (self.received_ns - self.sent_ns) / MS

    def newest_seqs(self) -> list[int]:
        """The seqs that the ring should hold, newest first; none of them when there was no trigger yet."""
        head = self.get("TRIG_HEAD")
        seqs = [(head - 1 - i) % MAX_SEQ + 1 for i in range(RING_SLOTS)] if head else []
        return seqs[: RING_SLOTS - 1]  # at the wrap one slot is left out

    def announced(self) -> Iterator[tuple[int, int, int]]:
        """(seq, part_id, ms) of what the ring does hold, newest first."""
        for seq in self.newest_seqs():
            slot = PLC_BLOCK.slot(self.words, "TRIGGER", seq)
            if slot["seq"] == seq:
                yield seq, int(slot["part_id"]), int(slot["ms"])


def duration_s(samples: list[Sample]) -> float:
    """From the first sample to the last."""
    return (samples[-1].received_ns - samples[0].received_ns) / 1e9


def steps(samples: list[Sample], name: str) -> list[int]:
    """How far a u16 counter moved from sample to sample; negative = backwards."""
    deltas = [(b.get(name) - a.get(name)) & 0xFFFF for a, b in pairwise(samples)]
    return [delta - 0x10000 if delta > 0x7FFF else delta for delta in deltas]


def longest_stand_ms(samples: list[Sample], name: str) -> float:
    """For how long a register surely kept its value, whatever we missed between two samples."""
    longest_ns, first = 0, samples[0]
    for sample in samples:
        if sample.get(name) != first.get(name):
            first = sample
        longest_ns = max(longest_ns, sample.sent_ns - first.received_ns)
    return longest_ns / MS


def scans_ms(samples: list[Sample]) -> list[tuple[float, float]]:
    """(at least, about) how long each scan lasted: from one change of PLC_MS or PLC_HB to the next."""
    marks = [(s.get("PLC_MS"), s.get("PLC_HB")) for s in samples]
    changed = [i for i in range(1, len(samples)) if marks[i] != marks[i - 1]]
    return [
        (
            max(0, samples[new - 1].sent_ns - samples[old].received_ns) / MS,
            (samples[new].received_ns - samples[old].received_ns) / MS,
        )
        for old, new in pairwise(changed)
    ]
