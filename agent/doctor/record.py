"""What the journal tells: is it whole, how often the station has started, which alarms stand, what it missed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from agent.doctor.looking import looked
from agent.doctor.subject import Subject
from agent.errors import ConfigError
from agent.finding import Finding, doubtful, right, unknown, wrong
from agent.journal.damage import CHECK_S, all_set_aside, find_damage
from agent.journal.history import open_reader
from agent.journal.ids import ids_beside
from agent.journal.schema import require_known
from agent.report.latency import read_latencies
from agent.utc import moment_of, utc_text

DAY = timedelta(days=1)
MANY_STARTS = 5
"""In a day: more than somebody who sets the station up, or changes its model, would give."""
BLIND_SHARE = 0.001
"""Parts without a decision, of all in a day: each good one of them is scrap, and one in a thousand is noticed."""
SHOWN = 4


def examine_record(subject: Subject) -> Iterator[Finding]:
    """It is read for a second at most, beside a station that may run."""
    path = subject.config.station.journal
    if not path.exists() and not ids_beside(path).exists():
        yield unknown("journal", f"none yet at {path}", "it begins when the station first runs")
        return
    whole = looked("journal", lambda: _check_whole(subject))
    yield whole
    try:
        with closing(open_reader(path)) as db:
            require_known(db, path)
            yield from _read(subject, db)
    except (ConfigError, sqlite3.Error) as error:
        yield wrong("rows", str(error), "linegate journal check says more; a restart sets a damaged file aside")


def _check_whole(subject: Subject) -> Finding:
    path = subject.config.station.journal
    text = f"{path}, {path.stat().st_size / 1e6:,.1f} MB" if path.exists() else str(path)
    try:
        damage, checked = find_damage(path, given=ids_beside(path).exists(), limit_s=CHECK_S)
    except sqlite3.Error as error:
        return unknown("journal", f"{text}: not known: {error}")
    if damage:
        return wrong("journal", f"{text}: damaged: {damage}", "restart the station: it sets the file aside and begins "
                     "a new one")  # fmt: skip
    if aside := all_set_aside(path):
        return doubtful("journal", f"{text}: whole, but {len(aside)} damaged ones were set aside: {aside[-1].name}",
                        "see dmesg for disk errors; keep or delete them")  # fmt: skip
    return right("journal", f"{text}: " + ("whole" if checked else f"whole as far as {CHECK_S:g} s of checking went: "
                                           "linegate journal check looks at all of it"))  # fmt: skip


def _read(subject: Subject, db: sqlite3.Connection) -> Iterator[Finding]:
    now = datetime.now(UTC)
    since = utc_text(now - DAY)
    yield _check_starts(db, since, now, subject.unit)
    yield _check_alarms(db)
    yield _check_blind(db, since)
    parts, stages = read_latencies(db, now - DAY, now)
    if stages:
        told = ", ".join(f"{stage.stage} {stage.median_ms:g}/{stage.p99_ms:g}" for stage in stages)
        yield right("latencies", f"median/p99 in ms of the last day: {told} (n = {parts})")


def _check_starts(db: sqlite3.Connection, since: str, now: datetime, unit: str) -> Finding:
    """Lives of the station; one without an end was cut off."""
    lives = db.execute(
        "SELECT kind, utc, detail FROM events WHERE kind IN ('start', 'stop') AND utc >= ? ORDER BY event_id", (since,)
    ).fetchall()
    starts = sum(kind == "start" for kind, _, _ in lives)
    cut_off = sum(one[0] == "start" == other[0] for one, other in pairwise(lives))
    newest = db.execute(
        "SELECT kind, utc, detail FROM events WHERE kind IN ('start', 'stop') ORDER BY event_id DESC LIMIT 1"
    ).fetchone()
    if newest is None:
        return right("starts", "none recorded")
    hours = (now - moment_of(newest[1])).total_seconds() / 3600
    text = f"{starts} in the last day, {cut_off} of them cut off; newest: {newest[0]} {hours:.1f} h ago ({newest[2]})"
    if cut_off or starts > MANY_STARTS:
        return doubtful("starts", text, f"see why it ended: journalctl -u {unit}, and the stop events in "
                        "linegate report")  # fmt: skip
    return right("starts", text)


def _check_alarms(db: sqlite3.Connection) -> Finding:
    """Raised since the newest start, and not cleared."""
    standing = {
        what: utc
        for what, detail, utc in db.execute(
            "SELECT what, detail, utc FROM (SELECT what, detail, utc, max(event_id) FROM events WHERE kind = 'alarm' "
            "AND event_id > coalesce((SELECT max(event_id) FROM events WHERE kind = 'start'), 0) GROUP BY what)"
        )
        if detail == "raised"
    }
    if standing:
        told = ", ".join(f"{what} since {utc}" for what, utc in standing.items())
        return doubtful("alarms", told, "what each means and asks for: docs/operation.md")
    return right("alarms", "none stands")


def _check_blind(db: sqlite3.Connection, since: str) -> Finding:
    """Parts of the last day that could not be inspected, and why."""
    counts: Counter[str] = Counter()
    parts = 0
    for verdict, reason, number in db.execute(
        "SELECT verdict, reason, count(*) FROM inspections WHERE decided_utc >= ? AND kind = 'inspection' "
        "GROUP BY verdict, reason",
        (since,),
    ):
        parts += number
        if verdict == "no_decision":
            counts[reason] += number
    told = ", ".join(f"{number} {reason}" for reason, number in counts.most_common(SHOWN))
    text = f"{counts.total()} of {parts} parts in the last day without a decision" + (f": {told}" if told else "")
    if counts.total() > BLIND_SHARE * parts:
        return doubtful("no decisions", text, "what each reason means and asks for: docs/operation.md")
    return right("no decisions", text)
