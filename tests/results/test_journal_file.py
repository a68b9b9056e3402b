"""The journal's file: it grows with Linegate, is set aside when it is damaged, and gives no id twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from agent.benches.made_history import make_history
from agent.errors import ConfigError
from agent.journal import damage, file, schema
from agent.journal.backup import copy_journal
from agent.journal.file import open_journal, open_writer
from agent.journal.history import to_message
from agent.journal.ids import AHEAD, ids_beside
from agent.messages import EventMessage
from tests.conftest import ROOT
from tests.results.records import inspect, journal_at, rows_of

GREW = {
    1: "",
    2: "challenge INTEGER NOT NULL DEFAULT 0,",
    3: "challenge INTEGER NOT NULL DEFAULT 0, fail_open INTEGER NOT NULL DEFAULT 0,",
}
"""The columns that a file of each old version had more than the first."""
OLD = """
CREATE TABLE IF NOT EXISTS inspections (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, plc_epoch INTEGER NOT NULL, agent_epoch INTEGER NOT NULL,
    trigger_seq INTEGER NOT NULL, part_id INTEGER NOT NULL,
    triggered_ns INTEGER NOT NULL, decided_ns INTEGER NOT NULL, decided_utc TEXT NOT NULL,
    verdict TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, evidence TEXT NOT NULL,
    bypass INTEGER NOT NULL, {grew}
    model_sha256 TEXT NOT NULL, recipe TEXT NOT NULL, recipe_sha256 TEXT NOT NULL,
    job INTEGER NOT NULL, simulated INTEGER NOT NULL,
    completed INTEGER NOT NULL DEFAULT 0, acknowledged_ns INTEGER, in_time INTEGER,
    plc_action TEXT NOT NULL DEFAULT 'unknown', late_verdict TEXT
);
CREATE INDEX IF NOT EXISTS incomplete ON inspections (message_id) WHERE completed = 0;
"""
EVIDENCE = {"peak_scores": {"crack": 0.4}, "latencies_ms": {"run": 5.1}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def old_file(path: Path, version: int, rows: int = 3) -> None:
    """As Linegate of that version has left it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(OLD.format(grew=GREW[version]))
        db.execute(f"PRAGMA user_version = {version}")
        for seq in range(1, rows + 1):
            db.execute(
                "INSERT INTO inspections (kind, plc_epoch, agent_epoch, trigger_seq, part_id, triggered_ns, "
                "decided_ns, decided_utc, verdict, reason, detail, evidence, bypass, model_sha256, recipe, "
                "recipe_sha256, job, simulated, completed) VALUES ('inspection', 1, 1, ?, 7, 1, 2, "
                "'2026-01-01T00:00:00.000+00:00', 'reject', 'defect', '', ?, 0, 'm', 'r', 's', 1, 1, 1)",
                (seq, json.dumps(EVIDENCE)),
            )


# --- versions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", GREW)
def test_a_file_of_every_older_version_opens_and_grows(path: Path, version: int) -> None:
    """Its rows stay as they were, and the new ones go beside them; ids go on."""
    old_file(path, version)
    journal = journal_at(path)
    inspect(journal, 4)
    journal.close()
    rows = rows_of(path)
    assert [(row["message_id"], row["trigger_seq"]) for row in rows] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert [row["verdict"] for row in rows] == ["reject"] * 3 + ["pass"]
    assert all((row["challenge"], row["fail_open"], row["margin"]) == (0, 0, None) for row in rows)
    with closing(open_writer(path)) as db:
        old = to_message(db.execute("SELECT * FROM inspections").fetchone(), "l", "s")
        assert (old.peak_scores, old.latencies_ms) == (EVIDENCE["peak_scores"], EVIDENCE["latencies_ms"])
        assert db.execute("PRAGMA user_version").fetchone()[0] == schema.SCHEMA_VERSION


@pytest.mark.parametrize("version", GREW)
def test_grown_files_and_new_ones_have_the_same_columns_and_indexes(tmp_path: Path, version: int) -> None:
    old_file(tmp_path / "old", version)
    shapes = []
    for name in ("old", "new"):
        with closing(open_writer(tmp_path / name)) as db:
            columns = {tuple(row)[1:] for row in db.execute("PRAGMA table_info(inspections)")}
            indexes = {row[1] for row in db.execute("PRAGMA index_list(inspections)")}
            shapes.append((columns, indexes, {tuple(row) for row in db.execute("PRAGMA table_info(events)")}))
    assert shapes[0] == shapes[1]


def test_a_file_of_a_newer_version_is_refused_and_not_touched(path: Path) -> None:
    journal_at(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {schema.SCHEMA_VERSION + 1}")
        db.execute("PRAGMA journal_mode = DELETE")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="install the newer one") as refused:
        journal_at(path)
    assert "\n" not in str(refused.value)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.damaged*"))


DIES = """
import os, sqlite3, sys
from pathlib import Path
from agent.journal import schema
path = Path(sys.argv[1])
db = sqlite3.connect(path, isolation_level=None)
db.create_function("die", 0, lambda: os._exit(9))
schema.SCRIPTS = (*schema.SCRIPTS[:3], schema.SCRIPTS[3] + "SELECT die();")
schema.bring_up_to_date(db, path)
"""


def test_a_crash_while_the_file_grows_leaves_it_as_it_was(path: Path) -> None:
    """The steps before it have been taken, the one under way has not."""
    old_file(path, 1, rows=200)
    died = subprocess.run([sys.executable, "-c", DIES, str(path)], cwd=ROOT, check=False)
    assert died.returncode == 9
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 3
    journal_at(path).close()
    assert len(rows_of(path)) == 200
    assert not list(path.parent.glob("*.damaged-*"))


# --- damage ----------------------------------------------------------------------------------------------------------


def flipped(path: Path, at: float) -> None:
    """Some bytes at the beginning of a page are others."""
    content = bytearray(path.read_bytes())
    begin = int(len(content) * at) // 4096 * 4096
    content[begin : begin + 200] = bytes(byte ^ 0xFF for byte in content[begin : begin + 200])
    path.write_bytes(content)


def index_out_of_step(path: Path) -> None:
    """Rows that the index on their time does not know: quick_check sees nothing."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, 'decided_utc)', 'decided_utc) WHERE part_id < 1005') "
                   "WHERE name = 'decided'")  # fmt: skip
        db.execute("PRAGMA writable_schema = RESET")
        db.execute("REINDEX decided")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, ' WHERE part_id < 1005', '') WHERE name = 'decided'")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA quick_check").fetchone()[0] == "ok"


DAMAGES: dict[str, Callable[[Path], object]] = {
    "first page": lambda path: flipped(path, 0.0),
    "a page within": lambda path: flipped(path, 0.6),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "no database": lambda path: path.write_bytes(b"#!/bin/sh\n" * 1000),
    "index": index_out_of_step,
    "marked": lambda path: damage.mark_damaged(path, "database disk image is malformed"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_file_is_set_aside_told_of_and_ids_go_on(path: Path, what: str) -> None:
    journal = journal_at(path)
    inspect(journal, *range(1, 60))
    journal.close()
    DAMAGES[what](path)
    for extra in ("-wal", "-shm"):
        path.with_name(path.name + extra).unlink(missing_ok=True)
    harmed = path.read_bytes()
    events: list[EventMessage] = []
    journal = journal_at(path, agent_epoch=2)
    journal.on_event(events.append)
    inspect(journal, 60)
    journal.close()
    (aside,) = (
        found for found in path.parent.glob("journal.sqlite.damaged-*") if not found.name.endswith(("-wal", "-shm"))
    )
    assert aside.read_bytes() == harmed
    assert [row["message_id"] for row in rows_of(path)] == [60]
    assert aside.name in journal.found_damaged
    with closing(open_writer(path)) as db:
        (told,) = db.execute("SELECT kind, what, detail FROM events").fetchall()
    assert tuple(told) == ("journal", "DAMAGED", journal.found_damaged)
    assert not journal_at(path, agent_epoch=3).found_damaged, "once is enough"


STRUCK = """
import os, sys, time
from pathlib import Path
from agent.service import exit_when_a_thread_dies
from tests.results.records import inspect, journal_at
exit_when_a_thread_dies()
path = Path(sys.argv[1])
journal = journal_at(path)
inspect(journal, *range(1, 80))
journal.run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall(), 5)
content = bytearray(path.read_bytes())
content[8192:] = os.urandom(len(content) - 8192)
path.write_bytes(content)
journal.run(lambda db: db.execute("PRAGMA shrink_memory"), 5)
journal.run(lambda db: db.execute("SELECT sum(length(evidence)) FROM inspections").fetchall(), 5)
time.sleep(5)
"""


def test_a_database_error_of_a_running_journal_is_no_restart_loop(path: Path) -> None:
    """The writer dies of it, and with it the process; the next start does not open the same file again."""
    done = subprocess.run([sys.executable, "-c", STRUCK, str(path)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    journal = journal_at(path, agent_epoch=2)
    assert "malformed" in journal.found_damaged
    inspect(journal, 1)
    journal.close()
    assert [row["message_id"] for row in rows_of(path)] == [AHEAD + 1]


def left_by_the_dead(path: Path, rows: int) -> None:
    """A journal whose process was killed: all rows are in its log."""
    program = (
        "import os, sys; from pathlib import Path; from tests.results.records import inspect, journal_at\n"
        f"inspect(journal_at(Path(sys.argv[1])), *range(1, {rows + 1})); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False)


@pytest.mark.parametrize("where", ["head", "middle"])
def test_a_damaged_log_is_kept_and_told_of(path: Path, where: str) -> None:
    """SQLite drops what comes after the damage without a word, and writes over it."""
    left_by_the_dead(path, 20)
    wal = path.with_name(f"{path.name}-wal")
    flipped(wal, 0.0 if where == "head" else 0.5)
    harmed = wal.read_bytes()
    journal = journal_at(path, agent_epoch=2)
    assert "log was damaged" in journal.found_damaged
    inspect(journal, 100)
    journal.close()
    (kept,) = path.parent.glob("*.damaged-*-wal")
    assert kept.read_bytes() == harmed
    assert len(rows_of(path)) < 21
    assert int(str(rows_of(path)[-1]["message_id"])) > 0


def test_a_log_that_ends_within_a_row_is_no_damage(path: Path) -> None:
    """kill -9 came while it was written."""
    left_by_the_dead(path, 20)
    wal = path.with_name(f"{path.name}-wal")
    wal.write_bytes(wal.read_bytes()[:-3000])
    journal = journal_at(path, agent_epoch=2)
    journal.close()
    assert not journal.found_damaged
    assert len(rows_of(path)) == 20


def test_a_large_file_is_checked_for_a_while_before_the_start_and_the_rest_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_history(path, 20_000)
    for limit_ms in range(20):  # the first may be over before the check has begun
        monkeypatch.setattr(damage, "CHECK_S", limit_ms / 1000)
        opened = open_journal(path)
        opened.db.close()
        assert not opened.trouble
        if not opened.checked:
            return
    raise AssertionError("it has never ended before its end")


# --- what is in the way for a moment ---------------------------------------------------------------------------------


def test_a_start_waits_for_a_file_that_is_locked_for_a_moment(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_by_the_dead(path, 2)
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")
    over = threading.Timer(1.5, blocker.execute, ("ROLLBACK",))  # SQLite itself waits for 1 s
    over.start()
    journal_at(path).close()
    over.join()
    blocker.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(file, "PATIENCE_S", 0.1)
    with pytest.raises(ConfigError, match="database is locked") as refused:
        journal_at(path)
    assert "\n" not in str(refused.value)
    blocker.close()
    assert not list(path.parent.glob("*.damaged*"))


# --- ids -------------------------------------------------------------------------------------------------------------


def ids_of(journal: Path) -> list[int]:
    return [int(str(row["message_id"])) for row in rows_of(journal)]


def test_ids_have_no_gap_over_clean_ends_and_kills(path: Path) -> None:
    for start in range(3):
        journal = journal_at(path, agent_epoch=start + 1)
        inspect(journal, start + 1)
        journal.close()
    left_by_the_dead(path, 2)
    journal = journal_at(path, agent_epoch=9)
    inspect(journal, 9)
    journal.close()
    assert ids_of(path) == [1, 2, 3, 4, 5, 6]


def test_after_another_boot_ids_go_on_beyond_what_can_have_been_given(path: Path) -> None:
    left_by_the_dead(path, 2)
    reserved = json.loads(ids_beside(path).read_text())
    ids_beside(path).write_text(json.dumps(reserved | {"boot": "another"}))
    journal = journal_at(path, agent_epoch=2)
    inspect(journal, 3)
    journal.close()
    assert ids_of(path) == [1, 2, AHEAD + 1]


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_copy_put_back_after_a_kill_gives_no_id_again(path: Path, overwritten: bool) -> None:
    """In the same boot, and where the copy even has the file's inode."""
    left_by_the_dead(path, 2)
    copy = path.with_name("copy.sqlite")
    copy_journal(path, copy)
    left_by_the_dead(path, 2)
    newest = ids_of(path)[-1]
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    if overwritten:
        path.write_bytes(copy.read_bytes())
    else:
        copy.replace(path)
    journal = journal_at(path, agent_epoch=9)
    inspect(journal, 9)
    journal.close()
    assert ids_of(path)[:2] == [1, 2]
    assert ids_of(path)[2] > newest


def test_more_ids_than_are_reserved_are_not_given(path: Path) -> None:
    """Nobody keeps them in hand here: the writer itself must."""
    journal = journal_at(path)
    journal.ids.given["inspections"] = AHEAD
    inspect(journal, 1)
    assert json.loads(ids_beside(path).read_text())["inspections"] == 2 * AHEAD
    journal.close()


@pytest.mark.parametrize("content", ["", "{}", "nonsense", '{"inspections": "x"}'])
def test_a_damaged_file_of_ids_costs_a_gap_and_no_id_twice(path: Path, content: str) -> None:
    journal = journal_at(path)
    inspect(journal, 1)
    journal.close()
    ids_beside(path).write_text(content)
    journal = journal_at(path, agent_epoch=2)
    inspect(journal, 2)
    journal.close()
    assert ids_of(path)[0] == 1
    assert ids_of(path)[1] > time.time_ns() // 1_000_000 - 60_000
