"""What a soak must show, what it has shown, and by how much it has missed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median

from agent.journal.file import LOG_LIMIT_BYTES
from tests.soak.books import NO_DECISION, NO_VERDICT, PASS, REJECT, UNKNOWN, Book
from tests.soak.line import ARCHIVE_GB
from tests.soak.process import Sample
from tests.soak.soak import Soak, p99

GROWTH_LIMIT_MB = 5.0
BASE_S = 60.0
"""Memory after warm-up is the middle of what is seen for so long."""
DRIFT_SHARE, DRIFT_MS = 0.10, 0.5
GAP_LIMIT_MS = 500.0
"""The PLC takes the station for lost after this."""
UNDECIDED_SHARE = 0.001
"""domain: more of the last thousand parts without a verdict in time are an alarm."""
ROW_BYTES, FILE_MB = 2000, 1.0
"""A row of the journal with its places in the indices, and an empty file."""


@dataclass(frozen=True)
class Goal:
    """One line of the table."""

    what: str
    goal: str
    found: str
    passed: bool
    missed_by: str = ""


def goals(soak: Soak, expected: dict[int, str]) -> list[Goal]:
    """All of them; `expected`: what model and recipe say of each part's own photo."""
    return [*_ledgers(soak, expected), *_resources(soak), *_times(soak)]


def _count(what: str, found: int, examples: str = "") -> Goal:
    """Of these there must be none."""
    return Goal(what, "0", f"{found:,}", not found, f"{found:,}: {examples}" if found else "")


# --- exactly one decision a part -----------------------------------------------------------------------------------


def _ledgers(soak: Soak, expected: dict[int, str]) -> list[Goal]:
    plc, actions, journal, *subscribers = soak.books
    parts, truth = soak.parts, plc.letters(soak.parts)
    tally = Counter(journal.letters(parts))
    decided = tally[PASS] + tally[REJECT] + tally[NO_DECISION]
    escapes = [part for part, letter in enumerate(truth, 1) if letter == PASS and expected[part] != "pass"]
    unproven = [part for part, pair in enumerate(zip(truth, journal.letters(parts), strict=True), 1)
                if pair[0] == PASS != pair[1]]  # fmt: skip
    unknown = [part for part, letter in enumerate(actions.letters(parts), 1) if letter == UNKNOWN]
    troubles = [f"{book.name}: {trouble}" for book in soak.books for trouble in book.troubles]
    failures = soak.listeners.failures
    undecided = sum(letter in (NO_DECISION, NO_VERDICT) for letter in truth)
    return [
        Goal("the whole time", f"{soak.record.ordered_s / 60:.1f} min", f"{soak.record.ran_s / 60:.1f} min",
             not soak.record.ended, soak.record.ended),
        Goal("triggers = pass + reject + no decision", f"{parts:,}",
             f"{tally[PASS]:,} + {tally[REJECT]:,} + {tally[NO_DECISION]:,} = {decided:,}", decided == parts > 0,
             f"{parts - decided:,} parts without a row"),
        _same(plc, actions, parts),
        *(_same(journal, subscriber, parts) for subscriber in subscribers),
        _count("parts passed whose photo is none of a good part", len(escapes), f"parts {escapes[:5]}"),
        _count("parts passed without the row of a PASS", len(unproven), f"parts {unproven[:5]}"),
        _count("parts whose end the journal does not know", len(unknown), f"parts {unknown[:5]}"),
        _count("gaps, parts twice, parts out of step", len(troubles), "; ".join(troubles[:5])),
        _count("followers that have died", len(failures), "; ".join(failures)),
        Goal("parts without a verdict in time", f"≤ {UNDECIDED_SHARE:.1%}", f"{undecided:,} {soak.rows.reasons or ''}",
             undecided <= UNDECIDED_SHARE * parts, f"{undecided / max(parts, 1):.2%}"),
    ]  # fmt: skip


def _same(one: Book, other: Book, parts: int) -> Goal:
    pairs = enumerate(zip(one.letters(parts), other.letters(parts), strict=True), 1)
    differing = [part for part, (here, there) in pairs if here != there != UNKNOWN]
    return _count(f"{one.name} and {other.name} differ", len(differing), f"parts {differing[:5]}")


# --- memory, descriptors, threads, disk ----------------------------------------------------------------------------


def _resources(soak: Soak) -> list[Goal]:
    record = soak.record
    samples = record.samples.get("station", [])
    (warm_s, first_end_s), (last_s, end_s) = record.sixths_s()
    after = [sample for sample in samples if sample.at_s >= warm_s]
    if len(after) < 3:
        return [Goal("memory, descriptors, threads", "seen", "ended before the end of warm-up", False, "too short")]
    base = [sample.rss_mb for sample in after if sample.at_s <= warm_s + min(BASE_S, first_end_s - warm_s)]
    base_mb = median(base or [after[0].rss_mb])
    highest_mb = max(sample.rss_mb for sample in after)
    growth_mb = highest_mb - base_mb
    first, last = (
        [s for s in after if begin <= s.at_s <= end] for begin, end in ((warm_s, first_end_s), (last_s, end_s))
    )
    return [
        Goal("memory: highest after warm-up less that at its end", f"< {GROWTH_LIMIT_MB:g} MB",
             f"{growth_mb:+.1f} MB ({base_mb:.1f} → {highest_mb:.1f}; {slope_mb_h(after):+.2f} MB/h)",
             growth_mb < GROWTH_LIMIT_MB, f"{growth_mb - GROWTH_LIMIT_MB:.1f} MB too much"),
        _constant("open files", [s.descriptors for s in first], [s.descriptors for s in last]),
        _constant("threads", [s.threads for s in first], [s.threads for s in last]),
        *_disk(soak),
    ]  # fmt: skip


def _constant(what: str, first: list[int], last: list[int]) -> Goal:
    """Subscribers come and go, and a look may fall on somebody's question: the least and the median tell of a leak."""
    if not first or not last:
        return Goal(what, "constant", "not seen", False, "too short")
    more = max(of(last) - of(first) for of in (min, median))
    found = " → ".join(f"{min(seen)}…{max(seen)}, median {median(seen):g}" for seen in (first, last))
    return Goal(what, "constant", found, more <= 0, f"{more:+g}")


def slope_mb_h(samples: list[Sample]) -> float:
    """The straight line through all that was seen, by least squares."""
    mean_s = sum(sample.at_s for sample in samples) / len(samples)
    mean_mb = sum(sample.rss_mb for sample in samples) / len(samples)
    spread = sum((sample.at_s - mean_s) ** 2 for sample in samples)
    return 3600 * sum((s.at_s - mean_s) * (s.rss_mb - mean_mb) for s in samples) / spread if spread else 0.0


def _disk(soak: Soak) -> list[Goal]:
    """The last look is made when all is written."""
    last = soak.record.minutes[-1]
    return [
        _fits("journal on the disk", last.journal_mb, last.parts * ROW_BYTES / 1e6 + FILE_MB,
              f", {last.journal_mb * 1e6 / max(last.parts, 1):,.0f} bytes a row"),
        _fits("its log of changes", max(minute.log_mb for minute in soak.record.minutes), LOG_LIMIT_BYTES / 1e6),
        _fits("archive on the disk", max(minute.archive_mb for minute in soak.record.minutes), 1000 * ARCHIVE_GB),
    ]  # fmt: skip


def _fits(what: str, found_mb: float, limit_mb: float, more: str = "") -> Goal:
    over_mb = found_mb - limit_mb
    return Goal(what, f"≤ {limit_mb:.1f} MB", f"{found_mb:.1f} MB{more}", over_mb <= 0, f"{over_mb:.1f} MB too much")


# --- time ----------------------------------------------------------------------------------------------------------


def _times(soak: Soak) -> list[Goal]:
    begun_ns = soak.record.begun_ns
    first, last = (soak.rows.between(*(begun_ns + int(at_s * 1e9) for at_s in span)) for span in soak.record.sixths_s())
    names = ("frame in hand → write acknowledged", "photo-eye → write acknowledged")
    gap_ms = soak.listeners.gap_ms
    return [
        *(_drift(name, *times) for name, *times in zip(names, first, last, strict=True)),
        Goal("longest time between two heartbeats", f"< {GAP_LIMIT_MS:g} ms", f"{gap_ms:.0f} ms",
             gap_ms < GAP_LIMIT_MS, f"{gap_ms - GAP_LIMIT_MS:.0f} ms too long"),
    ]  # fmt: skip


def _drift(name: str, first_ms: list[float], last_ms: list[float]) -> Goal:
    before, after = p99(first_ms), p99(last_ms)
    allowed_ms = max(DRIFT_SHARE * before, DRIFT_MS)
    middles = [median(times) if times else 0.0 for times in (first_ms, last_ms)]
    return Goal(
        f"p99, {name}", f"drift ≤ {allowed_ms:.2f} ms",
        f"{before:.2f} → {after:.2f} ms (median {middles[0]:.2f} → {middles[1]:.2f})",
        bool(last_ms) and after - before <= allowed_ms, f"{after - before - allowed_ms:.2f} ms too much",
    )  # fmt: skip
