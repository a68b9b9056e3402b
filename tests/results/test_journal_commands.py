"""`linegate journal backup` and `linegate journal check`, as their users call them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from agent.errors import ConfigError, Fault, UsageError
from agent.inspection import Verdict
from agent.journal.backup import copy_journal, run_backup
from agent.journal.check import Succession, run_check
from agent.journal.journal import Journal
from agent.plc.register_map import MAX_SEQ
from agent.shipped import shipped
from tests.results.records import inspect, journal_at, rows_of


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a station whose state lies in the test's folder."""
    source = shipped("config/demo.toml")
    lines = source.read_text(encoding="utf-8").replace('"recipes/', f'"{source.parent}/recipes/').splitlines()
    lines = [f'state_dir = "{tmp_path}"' if line.startswith("state_dir") else line for line in lines]
    path = tmp_path / "station.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return journal_at(tmp_path / "journal.sqlite")


def test_a_copy_made_while_the_station_writes_is_whole_and_needs_no_log(
    config: Path, journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inspect(journal, *range(1, 50))
    over = threading.Event()

    def write() -> None:
        for seq in range(50, 20_000):
            if over.is_set():
                return
            inspect(journal, seq)

    writer = threading.Thread(target=write)
    writer.start()
    out = tmp_path / "copies" / "copy.sqlite"
    out.parent.mkdir()
    run_backup(config, out)
    over.set()
    writer.join()
    journal.close()
    assert "parts, whole" in capsys.readouterr().out
    assert [found.name for found in out.parent.iterdir()] == ["copy.sqlite"]
    assert out.read_bytes()[18:20] == b"\1\1", "it is to be read without a log beside it"
    with closing(sqlite3.connect(f"{out.as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        seqs = [row[0] for row in copy.execute("SELECT trigger_seq FROM inspections ORDER BY message_id")]
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= 49


def test_a_copy_overwrites_nothing_and_a_damaged_journal_gives_none(
    config: Path, journal: Journal, tmp_path: Path
) -> None:
    inspect(journal, *range(1, 80))
    journal.close()
    out = tmp_path / "copy.sqlite"
    out.write_text("mine")
    with pytest.raises(UsageError, match="exists"):
        run_backup(config, out)
    assert out.read_text() == "mine"
    content = bytearray((tmp_path / "journal.sqlite").read_bytes())
    content[-8192:-8000] = bytes(192)
    (tmp_path / "journal.sqlite").write_bytes(content)
    with pytest.raises(Fault, match="linegate journal check"):
        run_backup(config, tmp_path / "other.sqlite")
    assert not list(tmp_path.glob("other*"))


def test_a_copy_can_be_used_in_the_place_of_the_journal(journal: Journal, tmp_path: Path) -> None:
    inspect(journal, 1, 2)
    copy_journal(tmp_path / "journal.sqlite", tmp_path / "again.sqlite")
    journal.close()
    again = journal_at(tmp_path / "again.sqlite", agent_epoch=2)
    inspect(again, 3)
    again.close()
    assert [row["message_id"] for row in rows_of(tmp_path / "again.sqlite")] == [1, 2, 3]


def test_an_older_copy_put_in_its_place_gives_no_id_again(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    inspect(journal, 1, 2)
    copy_journal(path, tmp_path / "copy.sqlite")
    inspect(journal, 3, 4)
    journal.close()
    (tmp_path / "copy.sqlite").replace(path)
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink(missing_ok=True)
    restored = journal_at(path, agent_epoch=2)
    inspect(restored, 5)
    restored.close()
    assert [row["message_id"] for row in rows_of(path)] == [1, 2, 5]


def test_check_says_what_is_in_it(config: Path, journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    inspect(journal, 65_534, 65_535, 1)
    inspect(journal, 2, verdict=Verdict.REJECT)
    inspect(journal, 4, 3, verdict=Verdict.NO_DECISION)
    journal.begin_epoch(2, 500)
    inspect(journal, 501, plc_epoch=2)
    run_check(config)
    journal.close()
    said = capsys.readouterr().out
    assert "7 = 4 pass + 1 reject + 2 no_decision" in said
    assert "message_id 1 to 8" in said
    assert "2 of the PLC, 1 of the station; 0 rows still open" in said
    assert "1 rows stand for parts" in said
    assert "whole, one row a trigger" in said


def test_check_names_triggers_without_a_row_and_with_two(
    config: Path, journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    inspect(journal, 1, 2, 5, 5, 6)
    journal.close()
    with pytest.raises(Fault, match="not every trigger has its one row"):
        run_check(config)
    said = capsys.readouterr().out
    assert "PLC epoch 1: 2 triggers have no row: 3, 4" in said
    assert "PLC epoch 1: 1 triggers have two rows" in said


def test_check_of_a_damaged_file_and_of_none(config: Path, journal: Journal, tmp_path: Path) -> None:
    journal.close()
    (tmp_path / "journal.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(Fault, match="restart the station"):
        run_check(config)
    with pytest.raises(Fault, match="make another copy"):
        run_check(config, tmp_path / "journal.sqlite")
    (tmp_path / "journal.sqlite").unlink()
    with pytest.raises(ConfigError, match="of a station that has run"):
        run_check(config)


def test_a_copy_is_checked_too(
    config: Path, journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inspect(journal, 1, 2, 3)
    copy_journal(tmp_path / "journal.sqlite", tmp_path / "copy.sqlite")
    journal.close()
    (tmp_path / "journal.sqlite").unlink()
    run_check(config, tmp_path / "copy.sqlite")
    assert "copy.sqlite: whole, one row a trigger" in capsys.readouterr().out


def test_check_prints_any_path_and_reads_nothing_while_it_prints(
    config: Path, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may look at it with a pager."""
    odd = tmp_path / "[" / "x]" / "copy.sqlite"
    odd.parent.mkdir(parents=True)
    inspect(journal, 1)
    copy_journal(tmp_path / "journal.sqlite", odd)
    busy = []

    def look(console: Console, *_: object, **__: object) -> None:
        with closing(sqlite3.connect(tmp_path / "journal.sqlite", timeout=0)) as db:
            busy.append(db.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0])

    run_check(config, odd)
    monkeypatch.setattr(Console, "print", look)
    run_check(config)
    journal.close()
    assert set(busy) == {0}


OTHER_USER = """
import os, sqlite3, sys
from pathlib import Path
from agent.errors import exit_on_error
from agent.journal.history import open_reader
folder = Path(sys.argv[1])
db = sqlite3.connect(folder / "journal.sqlite")
db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE inspections (message_id INTEGER PRIMARY KEY)")
db.close()
folder.chmod(int(sys.argv[2], 8))
os.getuid() or os.setuid(65534)
with exit_on_error():
    open_reader(folder / "journal.sqlite")
"""


@pytest.mark.parametrize("mode", ["000", "555"], ids=["closed", "no -shm can be made"])
def test_another_user_is_told_whose_the_journal_is(mode: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own lets no other user in
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        state.mkdir()
        command = [sys.executable, "-c", OTHER_USER, str(state), mode]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        state.chmod(0o755)
    assert done.returncode == 78, done.stderr
    assert done.stderr.count("\n") == 1
    assert "permission denied: run this as the station's user" in done.stderr


def test_trigger_numbers_wrap_many_times() -> None:
    succession = Succession(1)
    for number in range(3 * MAX_SEQ):
        succession.add(number % MAX_SEQ + 1)
    assert list(succession.wrong()) == []
    assert succession.rows == 3 * MAX_SEQ
