"""The journal's housekeeping: what goes when there is too much, and what waits for a disk that takes nothing."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.event import Event
from agent.inspection import Frame, FrameStats, Inspection, Judgement, Reason, Verdict
from agent.journal import backlog, file, housekeeping, retention, watch, writer
from agent.journal.file import open_writer
from agent.journal.history import open_reader
from agent.journal.housekeeping import Housekeeping, Schedule
from agent.journal.journal import Journal
from agent.journal.retention import Retention, used_bytes
from agent.journal.watch import Watch
from agent.messages import ResultMessage
from agent.plc.decision import Closed, Decision
from agent.plc.register_map import Alarm
from agent.raised import Raised
from agent.results_config import JournalConfig
from tests.results.records import closed, decision, identity, inspect, journal_at, rows_of
from tests.waiting import wait_until

EVIDENCE = json.dumps({"peak_scores": {"crack": 0.4}, "latencies_ms": {"run": 5.1}, "defects": [], "more": "x" * 200})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


# --- retention -------------------------------------------------------------------------------------------------------


@pytest.fixture
def db(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    monkeypatch.setattr(retention, "NEWEST", 5)
    with closing(open_writer(path)) as opened:
        yield opened


def fill(db: sqlite3.Connection, days: list[str], a_day: int = 10) -> None:
    """So many rows on each of these days; every tenth part is rejected. An event each morning."""
    columns = retention_columns()
    for day in days:
        db.execute("INSERT INTO events (agent_epoch, utc, kind, what, who, detail) VALUES (1, ?, 'k', 'w', '', '')",
                   (f"{day}T00:00:00.000+00:00",))  # fmt: skip
        for number in range(a_day):
            values = columns | {"decided_utc": f"{day}T0{number % 10}:00:00.000+00:00",
                                "verdict": "reject" if number == 9 else "pass"}  # fmt: skip
            names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
            db.execute(f"INSERT INTO inspections ({names}) VALUES ({places})", values)


def retention_columns() -> dict[str, Any]:
    numbers = ("plc_epoch", "agent_epoch", "trigger_seq", "part_id", "triggered_ns", "decided_ns", "bypass", "job",
               "simulated", "completed")  # fmt: skip
    texts = ("kind", "reason", "detail", "model_sha256", "recipe", "recipe_sha256")
    return dict.fromkeys(numbers, 1) | dict.fromkeys(texts, "text") | {"evidence": EVIDENCE}


def days_from(first: str, count: int) -> list[str]:
    begin = datetime.fromisoformat(first).replace(tzinfo=UTC)
    return [f"{begin + timedelta(days=day):%Y-%m-%d}" for day in range(count)]


def prune_all(db: sqlite3.Connection, keeps: Retention) -> None:
    last_too_old = keeps.last_too_old(db)
    for _ in range(10_000):
        if not keeps.prune(db, last_too_old):
            return
    raise AssertionError("it never ends")


def left(db: sqlite3.Connection, what: str = "substr(decided_utc, 1, 10)") -> list[str]:
    return [row[0] for row in db.execute(f"SELECT DISTINCT {what} FROM inspections ORDER BY message_id")]


def test_days_beyond_keep_days_go_and_no_other(db: sqlite3.Connection) -> None:
    days = days_from("2026-01-01", 40)
    fill(db, days)
    prune_all(db, Retention(30, 1e9))
    assert left(db) == days[-30:]
    assert [row[0][:10] for row in db.execute("SELECT utc FROM events")] == days[-30:]
    assert db.execute("SELECT min(message_id), count(*) FROM inspections").fetchone()[:] == (101, 300)
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_station_that_stood_still_for_years_keeps_its_record(db: sqlite3.Connection) -> None:
    days = [*days_from("2020-01-01", 20), *days_from("2026-01-01", 5)]
    fill(db, days)
    prune_all(db, Retention(30, 1e9))
    assert left(db) == days


@pytest.mark.parametrize("wrong", ["2027-06-01", "2099-01-01", "1970-01-01"])
def test_a_clock_that_jumps_takes_nothing_with_it(db: sqlite3.Connection, wrong: str) -> None:
    """However far it ran: it has made one day of rows. Then it is right again."""
    days = days_from("2026-01-01", 29)
    fill(db, [*days, wrong])
    prune_all(db, Retention(30, 1e9))
    assert left(db) == [*days, wrong]
    fill(db, days_from("2026-01-30", 3))
    prune_all(db, Retention(30, 1e9))
    kept = left(db)
    assert kept[-4:] == [wrong, *days_from("2026-01-30", 3)]
    assert len(kept) >= 30


@pytest.mark.parametrize("wrong", ["2099-01-01", "1970-01-01"])
def test_rows_between_which_the_clock_was_wrong_stay(db: sqlite3.Connection, wrong: str) -> None:
    """All of them in one batch."""
    days = days_from("2026-01-01", 40)
    fill(db, [*days[:20], wrong, *days[20:]], a_day=1)
    prune_all(db, Retention(30, 1e9))
    assert set(days[-29:]) <= set(left(db))


def test_a_clock_that_ran_ahead_for_a_while_does_not_keep_everything_for_ever(db: sqlite3.Connection) -> None:
    days = days_from("2026-01-01", 60)
    fill(db, days[:3])
    fill(db, ["2099-01-01"], a_day=7)
    fill(db, days[3:])
    prune_all(db, Retention(30, 1e9))
    assert left(db) == days[-29:]


def test_many_events_take_nothing_from_the_rows(db: sqlite3.Connection) -> None:
    fill(db, days_from("2026-01-01", 10), a_day=50)
    rows, limit = used_bytes(db), used_bytes(db) * 1.5
    detail = "refused: no command 'nonsense': challenge, trigger, pause, resume, job, snapshot, clear, relearn"
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) INSERT INTO events "
               "(agent_epoch, utc, kind, what, who, detail) SELECT 1, '2026-01-10', 'command', 'nonsense', 'x', ? "
               "FROM n", (detail,))  # fmt: skip
    assert used_bytes(db) > limit
    prune_all(db, Retention(730, limit))
    assert db.execute("SELECT count(*), min(length(evidence)) FROM inspections").fetchone()[:] == (500, len(EVIDENCE))
    assert rows < used_bytes(db) <= limit
    assert db.execute("SELECT max(event_id) FROM events").fetchone()[0] == 6010, "the newest stay"


def test_what_was_seen_of_good_parts_goes_before_any_row(db: sqlite3.Connection) -> None:
    fill(db, days_from("2026-01-01", 100))
    full = used_bytes(db)
    prune_all(db, Retention(730, full * 0.7))
    assert db.execute("SELECT count(*) FROM inspections").fetchone()[0] == 1000
    old = "message_id <= 995 AND verdict = "
    assert db.execute(f"SELECT DISTINCT evidence FROM inspections WHERE {old} 'pass'").fetchall()[0][0] == "{}"
    assert db.execute(f"SELECT DISTINCT evidence FROM inspections WHERE {old} 'reject'").fetchall()[0][0] == EVIDENCE
    assert used_bytes(db) <= full * 0.7
    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_then_the_oldest_rows_go_until_it_is_small_enough_and_their_space_is_used_again(db: sqlite3.Connection) -> None:
    fill(db, days_from("2026-01-01", 100))
    limit = used_bytes(db) * 0.3
    prune_all(db, Retention(730, limit))
    first, count = db.execute("SELECT min(message_id), count(*) FROM inspections").fetchone()
    assert count == 1001 - first
    assert 100 < count < 900
    assert used_bytes(db) <= limit
    before = db.execute("PRAGMA page_count").fetchone()[0]
    fill(db, days_from("2026-05-01", 10))
    assert db.execute("PRAGMA page_count").fetchone()[0] == before


def test_no_open_row_and_none_of_the_newest_goes(db: sqlite3.Connection) -> None:
    fill(db, days_from("2026-01-01", 10))
    db.execute("UPDATE inspections SET completed = 0 WHERE message_id = 50")
    prune_all(db, Retention(1, 1.0))
    assert db.execute("SELECT min(message_id) FROM inspections").fetchone()[0] == 50
    db.execute("UPDATE inspections SET completed = 1")
    prune_all(db, Retention(1, 1.0))
    assert db.execute("SELECT min(message_id), count(*) FROM inspections").fetchone()[:] == (96, 5)


# --- housekeeping ----------------------------------------------------------------------------------------------------


def test_a_slow_disk_is_synced_less_often() -> None:
    schedule = Schedule()
    schedule.checkpointed(100.0, 0.01, 5)
    assert schedule.checkpoint_s == 110.0
    schedule.checkpointed(100.0, 0.2, 6)
    assert schedule.checkpoint_s == 120.0
    schedule.checkpointed(100.0, 3.0, 7)
    assert schedule.checkpoint_s == 130.0
    assert schedule.checkpoint_id == 7 + housekeeping.CHECKPOINT_PARTS


def test_housekeeping_checkpoints_prunes_and_keeps_ids_in_hand(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "ROUND_S", 0.01)
    monkeypatch.setattr(housekeeping, "CHECKPOINT_S", 0.05)
    monkeypatch.setattr(housekeeping, "RETENTION_S", 0.05)
    monkeypatch.setattr(retention, "NEWEST", 5)
    journal = journal_at(path)
    inspect(journal, *range(1, 301))
    log = path.with_name(f"{path.name}-wal")
    grown = log.stat().st_size
    journal.ids.given["inspections"] = 9_000
    keeper = Housekeeping(journal, JournalConfig(max_gb=40_000 / 1e9))
    wait_until(lambda: len(rows_of(path)) < 100, "old rows go")
    wait_until(lambda: json.loads((path.parent / f"{path.name}.ids").read_text())["inspections"] > 15_000, "ids ahead")
    salt = salt_of(log)
    for seq in range(301, 601):  # fewer than CHECKPOINT_PARTS: by the clock
        inspect(journal, seq)
        if salt_of(log) != salt:
            break
        time.sleep(0.05)  # the housekeeping has its turn, on a busy machine too
    assert salt_of(log) != salt, "the log is folded in, and begins anew"
    assert log.stat().st_size < 1.5 * grown
    keeper.close()
    journal.close()
    ids = [int(str(row["message_id"])) for row in rows_of(path)]
    assert ids == list(range(ids[0], ids[-1] + 1))


def salt_of(log: Path) -> bytes:
    """Another one each time the log begins anew (SQLite's file format, WAL header)."""
    return log.read_bytes()[16:24]


class SlowDisk:
    """A connection whose checkpoints never come to the end of the log: a part is recorded meanwhile, each time."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._db, self._seq = journal, sqlite3.connect(journal.path), 1000

    def execute(self, statement: str) -> sqlite3.Cursor:
        with closing(open_reader(self._journal.path)) as reader:  # SQLite folds in no more than its readers have seen
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM inspections").fetchone()
            self._seq += 1
            inspect(self._journal, self._seq)
            return self._db.execute(statement)


def test_the_log_stays_short_although_a_part_is_recorded_during_each_checkpoint(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOG_FRAMES", 200)
    journal = journal_at(path)
    keeper, disk = Housekeeping(journal, JournalConfig()), SlowDisk(journal)
    keeper.close()
    sizes = []
    for begin in range(1, 601, 30):
        inspect(journal, *range(begin, begin + 30))
        keeper.checkpoint(disk)  # type: ignore[arg-type]
        sizes.append(path.with_name(f"{path.name}-wal").stat().st_size)
    journal.close()
    assert sizes[-1] == sizes[len(sizes) // 2], "it is used again and again"


def test_a_log_that_grows_under_a_long_reader_is_told_of_once_and_shrinks_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LONG_LOG_FRAMES", 100)
    monkeypatch.setattr(file, "LOG_LIMIT_BYTES", 200_000)
    journal = journal_at(path)
    keeper, observer = Housekeeping(journal, JournalConfig()), Watch(journal, Raised())
    keeper.close()
    with closing(sqlite3.connect(path)) as db, closing(open_reader(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM inspections").fetchone()
        for begin in (1, 101, 201):
            inspect(journal, *range(begin, begin + 100))
            keeper.checkpoint(db)
        assert "reads for too long" in observer.upkeep()["journal_trouble"]
        reader.execute("COMMIT")
        for seq in (301, 302):
            keeper.checkpoint(db)
            inspect(journal, seq)
        keeper.checkpoint(db)
        assert observer.upkeep()["journal_trouble"] == ""
        assert path.with_name(f"{path.name}-wal").stat().st_size <= 200_000
        told = [row[0] for row in reader.execute("SELECT what FROM events")]
    journal.close()
    assert told == ["LONG_LOG"]


def test_housekeeping_that_hangs_is_told_of_once_and_the_alarm_stands(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "KEPT_LIMIT_S", 2.5)  # a round comes each second
    journal, raised = journal_at(path), Raised()
    keeper, observer = Housekeeping(journal, JournalConfig()), Watch(journal, raised)
    begun_s = time.monotonic()
    while time.monotonic() < begun_s + 3:
        observer.look()
        assert not raised.take()
        time.sleep(0.1)
    keeper.close()  # as if it hung
    wait_until(lambda: [observer.look(), raised.take()][1] is Alarm.JOURNAL, "it is noticed")
    observer.look()
    assert raised.take() is Alarm.JOURNAL
    assert "housekeeping has hung" in observer.upkeep()["journal_trouble"]
    journal.close()
    with closing(open_reader(path)) as reader:
        assert [row[0] for row in reader.execute("SELECT what FROM events")] == ["UNKEPT"]


def test_the_rest_of_the_check_finds_damage_and_parts_go_on(path: Path) -> None:
    journal = journal_at(path)
    inspect(journal, *range(1, 80))
    journal.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), 5)
    content = bytearray(path.read_bytes())
    content[8192 : 8192 + 300] = bytes(300)
    path.write_bytes(content)
    journal.checked = False
    keeper, raised = Housekeeping(journal, JournalConfig()), Raised()
    wait_until(lambda: bool(journal.damage), "it is found")
    keeper.close()
    observer = Watch(journal, raised)
    observer.look()
    assert raised.take() is Alarm.JOURNAL
    observer.look()
    assert not raised.take(), "once: somebody may clear it"
    assert path.with_name(f"{path.name}.damaged").exists()


def test_a_check_that_finds_no_database_leaves_nothing_to_interrupt(path: Path) -> None:
    journal = journal_at(path)
    inspect(journal, *range(1, 80))
    journal.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), 5)
    path.write_bytes(b"no database" + path.read_bytes()[11:])
    journal.checked = False
    keeper = Housekeeping(journal, JournalConfig())
    wait_until(lambda: "not a database" in journal.damage, "it is found")
    keeper.close()
    journal._queue.put(None)


def test_a_check_under_way_does_not_keep_the_station(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(reader: sqlite3.Connection) -> tuple[str, bool]:
        with suppress(sqlite3.OperationalError):
            reader.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
        return "", False

    monkeypatch.setattr(housekeeping, "check_whole", endless)
    journal = journal_at(path)
    journal.checked = False
    keeper = Housekeeping(journal, JournalConfig())
    wait_until(lambda: keeper._checks_by is not None, "it has begun")
    time.sleep(0.05)
    keeper.close()
    assert not keeper._checker.alive
    journal.close()


# --- while the disk takes nothing ------------------------------------------------------------------------------------


def with_evidence(seq: int) -> Decision:
    decided = decision(seq, Verdict.REJECT)
    frame = Frame(np.zeros((4, 4), np.uint8), seq, 0)
    seen = Inspection(decided.trigger, Judgement(Verdict.REJECT, Reason.DEFECT, peak_scores={"crack": 0.9}), {}, 0,
                      frame, FrameStats(100.0, 5.0))  # fmt: skip
    return replace(decided, evidence=seen)


def test_large_images_give_way_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has 16; those of one part always have room."""
    monkeypatch.setattr(backlog, "IMAGE_BYTES_WAITING", 40)
    queue = backlog.Backlog()
    for seq, kept in enumerate([True, True, True, True, True, False]):
        end = queue.lightened(closed(with_evidence(seq)))
        assert end is not None
        assert end.decision.evidence is not None
        assert (end.decision.evidence.frame is not None) is kept
        queue.put(lambda: None)


def test_what_gives_way_is_images_then_evidence_then_rows_and_a_gap_row_says_how_many(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "IMAGES_WAITING", 8)
    monkeypatch.setattr(backlog, "EVIDENCE_WAITING", 20)
    journal = Journal(path, identity(), 1, required=False)
    journal._queue.rows_waiting = 60
    heard: list[tuple[ResultMessage, Closed | None]] = []
    journal.on_completed(lambda message, end: heard.append((message, end)))
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for seq in range(1, 101):
        decided = with_evidence(seq)
        assert not journal.commit(decided)
        journal.complete(closed(decided))
    assert journal.unrecorded > 50
    lost = journal.unrecorded
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: not journal.rows_waiting, "all is written")
    last = decision(101)
    journal.enqueue(last)
    journal.complete(closed(last))
    journal.close()
    rows = rows_of(path)
    assert [row["trigger_seq"] for row in rows] == [*range(1, 101 - lost), 100, 101]
    gap = rows[-2]
    assert (gap["kind"], gap["reason"]) == ("gap", "journal")
    assert f"{lost} parts have no row" in str(gap["detail"])
    assert f"{lost} reject" in str(gap["detail"])
    seen = [json.loads(str(row["evidence"])).get("peak_scores") for row in rows[:-2]]
    assert seen[0] == {"crack": 0.9}
    assert seen[-1] is None, "evidence has given way"
    pictures = [end.decision.evidence.frame is not None for _, end in heard[:-2] if end and end.decision.evidence]
    assert pictures[0]
    assert not pictures[-1], "images went before evidence"


def test_more_events_than_memory_has_room_for_are_counted_in_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "EVENTS_WAITING", 3)
    journal = Journal(path, identity(), 1, required=False)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for number in range(10):
        journal.record(Event("test", str(number)))
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: not journal.rows_waiting, "all is written")
    journal.record(Event("test", "later"))
    journal.close()
    with closing(open_reader(path)) as reader:
        told = [(row["what"], row["detail"][:8]) for row in reader.execute("SELECT * FROM events ORDER BY event_id")]
    assert told == [("0", ""), ("1", ""), ("2", ""), ("EVENTS_LOST", "7 events"), ("later", "")]


class FailsOnce:
    """The writer's connection, with which the first statement after a gap row's, or itself, fails."""

    def __init__(self, db: sqlite3.Connection, failing: str) -> None:
        self._db, self._failing, self._gap_begun, self.failed = db, failing, False, False

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        self._gap_begun |= "(completed," in statement
        if self._gap_begun and not self.failed and statement.startswith(self._failing):
            self.failed = True
            raise sqlite3.OperationalError("disk I/O error")
        return self._db.execute(statement, *values)

    def close(self) -> None:
        self._db.close()


@pytest.mark.parametrize("failing", ["INSERT", "SELECT * FROM inspections WHERE"])
def test_a_gap_row_that_the_disk_does_not_take_at_once_is_tried_again_and_written_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    journal = Journal(path, identity(), 1, required=False)
    journal._queue.rows_waiting = 1
    disk = FailsOnce(journal._writer._db, failing)
    monkeypatch.setattr(journal._writer, "_db", disk)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    for seq in range(1, 6):
        journal.enqueue(decision(seq))
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.close()
    assert disk.failed or failing.startswith("SELECT")
    assert [row["kind"] for row in rows_of(path)].count("gap") == 1
    assert rows_of(path)[-1]["kind"] == "gap"


def test_a_gap_row_counts_a_verdict_that_was_withdrawn_as_none(path: Path) -> None:
    """With `required` a PASS without a row goes out as NO_DECISION."""
    journal = Journal(path, identity(), 1, required=True)
    journal._queue.rows_waiting = 1
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert not any(journal.commit(decision(seq)) for seq in range(1, 6))
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.close()
    detail = str(rows_of(path)[-1]["detail"])
    assert "no_decision" in detail
    assert "pass" not in detail


def test_behind_a_row_that_waits_no_verdict_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_s = 20
    journal = Journal(path, identity(), wait_s * 1000, required=False)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    journal.enqueue(decision(1))
    monkeypatch.setattr(journal, "late_s", lambda: wait_s)
    begun_s = time.monotonic()
    assert not any(journal.commit(decision(seq)) for seq in range(2, 40))
    assert time.monotonic() - begun_s < wait_s, "one has waited"
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.close()
    assert len(rows_of(path)) == 39


def test_an_outage_is_told_once_each_way_and_one_late_row_is_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LATE_S", 60)
    monkeypatch.setattr(writer, "RETRY_S", 0.02)
    journal, raised = Journal(path, identity(), 1, required=False), Raised()
    journal._writer._db.execute("PRAGMA busy_timeout = 1")
    observer = Watch(journal, raised)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    journal.commit(decision(1))
    wait_until(lambda: journal.late_s() > 0.05, "it is late")
    observer.look()
    blocker.execute("ROLLBACK")
    wait_until(lambda: not journal.rows_waiting, "the late row is written")
    assert (observer.trouble, raised.take()) == ("", Alarm(0))
    monkeypatch.setattr(watch, "LATE_S", 0.1)
    blocker.execute("BEGIN IMMEDIATE")
    journal.commit(decision(2))
    wait_until(lambda: [observer.look(), raised.take()][1] is Alarm.JOURNAL, "it is noticed")
    wait_until(lambda: [observer.look(), "database is locked" in observer.trouble][1], "and why")
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(lambda: not [observer.look(), observer.trouble][1], "it is over")
    journal.close()
    with closing(open_reader(path)) as reader:
        told = [tuple(row) for row in reader.execute("SELECT kind, what FROM events ORDER BY event_id")]
    assert told == [("journal", "WAITING"), ("journal", "WRITTEN")]


def test_events_and_rows_keep_their_order_while_they_wait(path: Path) -> None:
    journal = Journal(path, identity(), 1, required=False)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    journal.commit(decision(1))
    journal.record(Event("test", "between"))
    journal.commit(decision(2))
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.close()
    assert [row["trigger_seq"] for row in rows_of(path)] == [1, 2]
