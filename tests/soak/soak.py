"""The soak itself: let the line run for a long time, look at it every few seconds, and write down what is seen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from subprocess import Popen

from agent.errors import LinegateError
from tests.faults.observed_line import ObservedLine
from tests.soak.books import Book, Rows, Truth
from tests.soak.listeners import Listeners, wait_for
from tests.soak.process import Sample, look, shares_mb, size_mb

LOOK_S, MINUTE_S = 5.0, 60.0
WARM_UP_S, WARM_UP_SHARE = 300.0, 1 / 6
"""Whichever is less."""
CATCH_UP_S = 30.0
"""After the last part: its row, and the messages of it."""
STOPS_SHARE, STOPS_S = 0.1, 60.0
"""So much longer than its parts need the line may take: after an alarm it stands until CLEAR_FAULT."""


@dataclass(frozen=True)
class Minute:
    """What a progress line tells."""

    at_s: float
    parts: int
    rss_mb: float
    pss_mb: float
    uss_mb: float
    descriptors: int
    threads: int
    write_p99_ms: float
    whole_p99_ms: float
    journal_mb: float
    log_mb: float
    archive_mb: float
    others_mb: dict[str, float]
    """Simulator and `linegate watch`."""


@dataclass
class Record:
    """All that was seen."""

    rate_per_s: float
    ordered_s: float
    warm_up_s: float
    begun_ns: int
    ran_s: float = 0.0
    ended: str = ""
    """Why it ended before its time; "" = it did not."""
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    minutes: list[Minute] = field(default_factory=list)

    def sixths_s(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The first and the last sixth of the time after warm-up, each from … to."""
        warm_s = min(self.warm_up_s, self.ran_s / 2)
        sixth_s = (self.ran_s - warm_s) / 6
        return (warm_s, warm_s + sixth_s), (self.ran_s - sixth_s, self.ran_s)


class Soak:
    """On a line that is READY. `say` gets a line of text each minute."""

    def __init__(self, line: ObservedLine, say: Callable[[str], None]) -> None:
        self._line, self._say = line, say
        options = line.options
        folder = line.journal.parent.parent
        self.truth, self.rows = Truth(folder / "truth.jsonl"), Rows(line.journal)
        self.listeners = Listeners(line.endpoints, folder / "subscriber.position", getattr(line, "metrics", None))
        self.parts = 0
        """All books are compared up to this part; known at the end."""
        self.record = Record(
            options.rate_per_s, options.seconds, min(WARM_UP_S, options.seconds * WARM_UP_SHARE), time.monotonic_ns()
        )

    @property
    def books(self) -> list[Book]:
        """Everybody's."""
        return [self.truth.book, self.rows.actions, self.rows.book, *self.listeners.books]

    def run(self) -> None:
        """Until the belt is empty and all have heard of it, the line fails, or Ctrl-C; then `record` is complete."""
        parts = self._line.options.parts
        limit_s = self.record.ordered_s * (1 + STOPS_SHARE) + STOPS_S
        try:
            while self.truth.book.known < parts:
                self._line.check_alive()
                if self._now_s() > limit_s:
                    self.record.ended = f"{parts} parts took longer than {limit_s:.0f} s"
                    break
                self._look()
                time.sleep(min(LOOK_S, self.record.ordered_s / 60))
            self._say("the belt is empty: waiting for the last rows and messages")
        except KeyboardInterrupt:
            self.record.ended = "Ctrl-C"
        except Exception as error:  # whatever it is, the figures of hours are not lost for it
            self.record.ended = str(error) if isinstance(error, LinegateError) else repr(error)
        self.record.ran_s = self._now_s()
        self._catch_up()

    def _catch_up(self) -> None:
        self.truth.read_on()
        self.parts = self.truth.book.complete_to
        try:
            wait_for(self._all_complete, 0.0 if self.record.ended not in ("", "Ctrl-C") else CATCH_UP_S)
            self._minute()
        except KeyboardInterrupt:
            self.record.ended = "Ctrl-C"
        self.listeners.close()

    def _all_complete(self) -> bool:
        self.rows.read_on()
        return all(book.complete_to >= self.parts for book in self.books)

    # --- looking ---------------------------------------------------------------------------------------------------

    def _now_s(self) -> float:
        return (time.monotonic_ns() - self.record.begun_ns) / 1e9

    def _look(self) -> None:
        self.truth.read_on()
        for name, process in self._processes():
            if sample := look(process.pid, self._now_s()):
                self.record.samples.setdefault(name, []).append(sample)
        if self._now_s() >= MINUTE_S * (len(self.record.minutes) + 1):
            self._minute()

    def _processes(self) -> Iterator[tuple[str, Popen[bytes]]]:
        yield from self._line.processes.items()
        yield "watch", self.listeners.watch

    def _minute(self) -> None:
        self.rows.read_on()
        state, now_s = self._line.journal.parent, self._now_s()
        last = {name: samples[-1] for name, samples in self.record.samples.items()}
        shares = shares_mb(self._line.processes["station"].pid)
        write_ms, whole_ms = self.rows.between(time.monotonic_ns() - int(MINUTE_S * 1e9), time.monotonic_ns())
        self.record.minutes.append(
            minute := Minute(
                round(now_s, 1), self.truth.book.known, round(last["station"].rss_mb, 2),
                shares.get("pss", 0.0), shares.get("uss", 0.0), last["station"].descriptors, last["station"].threads,
                p99(write_ms), p99(whole_ms),
                size_mb(state / "journal.sqlite"), size_mb(state / "journal.sqlite-wal"), size_mb(state / "archive"),
                {name: round(sample.rss_mb, 2) for name, sample in last.items() if name != "station"},
            )
        )  # fmt: skip
        self._say(self._in_words(minute))

    def _in_words(self, minute: Minute) -> str:
        behind = min(book.known for book in self.books) - minute.parts
        return (
            f"{minute.at_s / 60:5.1f} min  {minute.parts:7,} parts  RSS {minute.rss_mb:6.1f} MB  "
            f"{minute.descriptors} files {minute.threads} threads  "
            f"p99 {minute.write_p99_ms:5.1f} / {minute.whole_p99_ms:5.1f} ms  "
            f"heartbeat gap ≤ {self.listeners.gap_ms:4.0f} ms  no decision {sum(self.rows.reasons.values())}  "
            f"journal {minute.journal_mb:.1f} + {minute.log_mb:.0f} MB, archive {minute.archive_mb:.0f} MB  "
            f"books {behind:+d}"
        )


def p99(times_ms: list[float]) -> float:
    """Of sorted times; 0 without any."""
    return round(times_ms[len(times_ms) * 99 // 100], 3) if times_ms else 0.0
