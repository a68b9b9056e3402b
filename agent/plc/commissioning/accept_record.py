"""All that passes between link and PLC in an acceptance run: parts, outcomes, beats. The link's thread writes it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from traceback import extract_tb

from agent.errors import Fault, LinegateError
from agent.plc.commissioning.sample import Sample
from agent.plc.decision import MS
from agent.plc.register_map import (
    AGENT_BLOCK,
    MAX_SEQ,
    PLC_BLOCK,
    RING_SLOTS,
    Ctrl,
    OutcomeCode,
    VerdictCode,
    seq_distance,
)

Tamper = Callable[[list[int]], None]
"""Changes the image that goes to the PLC, in place."""
KEPT_SAMPLES = 1000
KEPT_BEATS = 4096
POLL_S = 0.05


class LinkDied(Fault):
    """The station's own link has ended by an error: nothing that is missing from now on is the PLC's doing."""


@dataclass
class Part:
    """One part as the PLC announced it, what we said of it, and what the PLC says it did."""

    epoch: int
    seq: int
    part_id: int
    ms: int
    seen_ns: int
    said: VerdictCode | None = None
    """As it stood in an image that the PLC has confirmed; never what somebody only wanted to say."""
    said_ns: int = 0
    outcomes: list[OutcomeCode] = field(default_factory=list)
    """More than one: the PLC has changed its mind."""
    decided_ms: tuple[int, int] | None = None
    """Its age by the PLC's clock: not yet decided at the first, decided at the second."""

    @property
    def passed(self) -> bool:
        return OutcomeCode.PASSED in self.outcomes

    def age_ms(self, sample: Sample) -> int:
        """How long ago it was at the photo-eye, by the PLC's clock."""
        return (sample.get("PLC_MS") - self.ms) & 0xFFFF

    def due(self, sample: Sample) -> bool:
        """Has it passed the decision point, by what the PLC itself says?"""
        counts = sample.get("DECIDE_COUNTS")
        if not counts:
            return self.age_ms(sample) >= sample.get("DECIDE_MS")
        enc = int(PLC_BLOCK.slot(sample.words, "TRIGGER", self.seq)["enc"])
        return (sample.get("ENC_NOW") - enc) & 0xFFFF >= counts


class Record:
    """What has been seen so far; every change wakes whoever waits. Lives on when the link is restarted."""

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=KEPT_SAMPLES)
        self.parts: dict[tuple[int, int], Part] = {}
        self.tampers: list[Tamper] = []
        self.cut = False
        """The cable is pulled."""
        self.written: list[int] = [0] * AGENT_BLOCK.count
        """The newest image that the PLC has confirmed."""
        self.beats: dict[int, int] = {}
        """When the PLC confirmed each AGENT_HB."""
        self.torn = 0
        self._died = ""
        self._changed = Condition()

    # --- the link's thread -------------------------------------------------------------------------------------

    def sampled(self, sample: Sample) -> None:
        """One read of the PLC's block."""
        with self._changed:
            if not sample.whole:
                self.torn += 1
                return
            previous = self.samples[-1] if self.samples else sample
            self.samples.append(sample)
            self._announce(sample)
            self._note_outcomes(sample, previous)
            self._changed.notify_all()

    def confirmed(self, image: list[int], now_ns: int) -> None:
        """The PLC has this image."""
        with self._changed:
            self.written = image
            self.beats[AGENT_BLOCK.get(image, "AGENT_HB")] = now_ns
            if len(self.beats) > KEPT_BEATS:
                del self.beats[next(iter(self.beats))]
            for part in self._newest():
                self._note_said(part, image, now_ns)
            self._changed.notify_all()

    def link_died(self, error: BaseException) -> None:
        """The link's thread ends by this."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        why = str(error)
        if not isinstance(error, LinegateError):
            at = extract_tb(error.__traceback__)[-1]
            where = f"{at.filename}, line {at.lineno}"
            why = f"Linegate's own link has failed, not the PLC ({type(error).__name__}: {error}; {where}): report it"
        with self._changed:
            self._died = " ".join(why.split())
            self._changed.notify_all()

    def _announce(self, sample: Sample) -> None:
        epoch = sample.get("PLC_EPOCH")
        for seq, part_id, ms in reversed(list(sample.announced())):
            known = self.parts.get((epoch, seq))
            if known is None or (known.part_id, known.ms) != (part_id, ms):  # the same seq again after a wrap
                self.parts.pop((epoch, seq), None)
                self.parts[epoch, seq] = Part(epoch, seq, part_id, ms, sample.received_ns)

    def _note_outcomes(self, sample: Sample, previous: Sample) -> None:
        for part in self._newest():
            word = int(PLC_BLOCK.slot(sample.words, "OUTCOME", part.seq)["word"]) ^ part.seq
            if word in _OUTCOMES and (not part.outcomes or part.outcomes[-1] != word):
                part.outcomes.append(OutcomeCode(word))
                before_ms = part.age_ms(previous) if previous.received_ns >= part.seen_ns else 0
                part.decided_ms = part.decided_ms or (before_ms, part.age_ms(sample))

    def _note_said(self, part: Part, image: list[int], now_ns: int) -> None:
        slot = AGENT_BLOCK.slot(image, "RESULT", part.seq)
        word = int(slot["verdict"]) ^ part.seq
        if part.said is None and slot["seq"] == part.seq and word in _VERDICTS:
            part.said, part.said_ns = VerdictCode(word), now_ns

    def _newest(self) -> Iterator[Part]:
        """Of the newest epoch, those that the rings may still hold."""
        if self.samples:
            epoch = self.samples[-1].get("PLC_EPOCH")
            for seq in self.samples[-1].newest_seqs():
                if (epoch, seq) in self.parts:
                    yield self.parts[epoch, seq]

    # --- the step's thread -------------------------------------------------------------------------------------

    def require_link(self) -> None:
        """Raises LinkDied."""
        if self._died:
            raise LinkDied(self._died)

    @property
    def newest(self) -> Sample:
        """The newest whole read; there is one once the link has seen the map."""
        return self.samples[-1]

    @property
    def enabled(self) -> bool:
        """TRIGGER_ENABLE, as last read."""
        return self.ordered(Ctrl.TRIGGER_ENABLE)

    def ordered(self, flag: Ctrl) -> bool:
        """Is this bit of CTRL set?"""
        return bool(self.newest.get("CTRL") & flag)

    @property
    def silent_image(self) -> bool:
        """Does the PLC hold neither STATUS nor a word of ours on any part?"""
        words = [AGENT_BLOCK.slot(self.written, "RESULT", place)["verdict"] for place in range(RING_SLOTS)]
        return not any(words) and not AGENT_BLOCK.get(self.written, "STATUS")

    def wait(self, met: Callable[[], bool], limit_s: float) -> bool:
        """Until `met`, looked at after every exchange; False when it was not within `limit_s`. Raises LinkDied."""
        end_s = time.monotonic() + limit_s
        with self._changed:
            while not met():
                self.require_link()
                if time.monotonic() >= end_s:
                    return False
                self._changed.wait(min(POLL_S, limit_s))
        return True

    @contextmanager
    def tampering(self, tamper: Tamper) -> Iterator[None]:
        """Every image inside goes through `tamper`."""
        with self._changed:
            self.tampers.append(tamper)
        try:
            yield
        finally:
            with self._changed:
                self.tampers.remove(tamper)

    def tampered(self, image: list[int]) -> list[int]:
        """The image as it shall go out."""
        with self._changed:
            for tamper in self.tampers:
                tamper(image)
        return image

    def parts_after(self, seq: int, epoch: int) -> list[Part]:
        """Those announced after `seq` in this epoch, oldest first."""
        with self._changed:
            of_epoch = [part for part in self.parts.values() if part.epoch == epoch]
        found = [part for part in of_epoch if 0 < seq_distance(seq, part.seq) < MAX_SEQ // 2]
        return sorted(found, key=lambda part: seq_distance(seq, part.seq))

    def parts_since(self, begun_ns: int) -> list[Part]:
        """Those seen from then on."""
        with self._changed:
            return [part for part in self.parts.values() if part.seen_ns >= begun_ns]

    def echo_ages_ms(self) -> list[float | None]:
        """For each sample, how long ago we had written the beat that it echoes; None: we never wrote it."""
        with self._changed:
            echoes = [(s.received_ns, self.beats.get(s.get("AGENT_HB_ECHO"))) for s in self.samples]
        return [None if beat_ns is None else (now_ns - beat_ns) / MS for now_ns, beat_ns in echoes]


_OUTCOMES = frozenset(int(code) for code in OutcomeCode)
_VERDICTS = frozenset(int(code) for code in VerdictCode)
