"""The record: one row a trigger, whole after kill -9, complete over outages, and ids that are never used twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.agent_epoch import next_agent_epoch, state_dir_alone
from agent.errors import ConfigError
from agent.inspection import PlcAction, Reason, Verdict
from agent.journal.journal import Journal
from agent.messages import ResultMessage
from agent.plc.decision import Closed
from tests.conftest import ROOT
from tests.results.records import closed, decision, identity, inspect, journal_at, rows_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite"


def seqs_of(path: Path, **wanted: object) -> list[object]:
    """Trigger numbers of the rows with these values, in the order of their ids."""
    rows = (row for row in rows_of(path) if row["kind"] == "inspection")
    return [row["trigger_seq"] for row in rows if all(row[name] == value for name, value in wanted.items())]


def test_one_row_a_trigger_and_completed_as_the_plc_had_it(path: Path) -> None:
    journal = journal_at(path)
    inspect(journal, 1)
    inspect(journal, 2, verdict=Verdict.REJECT)
    lost = decision(3, Verdict.PASS)
    journal.commit(lost)
    journal.complete(
        Closed(lost, Verdict.NO_DECISION, Reason.PLC_LINK, None, PlcAction.REJECTED_NO_VERDICT, Verdict.PASS)
    )
    journal.close()
    found = [(r["trigger_seq"], r["verdict"], r["reason"], r["plc_action"], r["late_verdict"]) for r in rows_of(path)]
    assert found == [
        (1, "pass", "ok", "passed", None),
        (2, "reject", "defect", "rejected", None),
        (3, "no_decision", "plc_link", "rejected_no_verdict", "pass"),
    ]
    assert [row["in_time"] for row in rows_of(path)] == [1, 1, None]


def test_a_late_acknowledgement_is_recorded_as_late(path: Path) -> None:
    journal = journal_at(path)
    decided = decision(1)
    journal.commit(decided)
    journal.complete(replace(closed(decided), acknowledged_ns=decided.trigger.deadline_ns + 1, in_time=False))
    journal.close()
    assert rows_of(path)[0]["in_time"] == 0


def test_commit_returns_with_the_row_on_disk(path: Path) -> None:
    """The verdict goes out after this call: another process must see the row already."""
    journal = journal_at(path)
    for seq in range(1, 20):
        assert journal.commit(decision(seq))
        assert rows_of(path)[-1]["trigger_seq"] == seq
    journal.close()


def test_a_disk_that_stalls_holds_no_verdict_up_and_loses_no_row(path: Path) -> None:
    journal = journal_at(path, wait_ms=1)
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    assert not journal.commit(decision(1)), "it must say that the row is not on disk"
    journal.enqueue(decision(2))
    blocker.execute("ROLLBACK")
    blocker.close()
    journal.close()
    assert seqs_of(path) == [1, 2]


def test_the_listener_gets_each_row_once_as_it_stands_on_disk(path: Path) -> None:
    heard: list[ResultMessage] = []
    journal = journal_at(path)
    journal.on_completed(lambda message, _: heard.append(message))
    inspect(journal, 1, 2, 3)
    journal.close()
    assert [(message.message_id, message.trigger_seq) for message in heard] == [(1, 1), (2, 2), (3, 3)]
    assert all(message.plc_action == "passed" and message.in_time for message in heard)
    assert all(message.latencies_ms["write"] == pytest.approx(1.0) for message in heard)


# --- outages ---------------------------------------------------------------------------------------------------------


def outage(path: Path, plc_epoch: int, head: int, agent_epoch: int = 2) -> list[ResultMessage]:
    """A new agent starts and reads the PLC's epoch and newest trigger; what the subscriber hears of it."""
    heard: list[ResultMessage] = []
    journal = journal_at(path, agent_epoch)
    journal.on_completed(lambda message, _: heard.append(message))
    journal.begin_epoch(plc_epoch, head)
    journal.close()
    return heard


@pytest.mark.parametrize(
    ("seen", "head", "missed"),
    [
        ((1, 2, 3), 6, [4, 5, 6]),
        ((1, 2, 3), 3, []),
        ((65_534, 65_535), 2, [1, 2]),
        ((1, 3), 4, [2, 4]),  # 2 was with the station when 3 was refused and recorded
        ((2, 1), 3, [3]),  # 2 was refused before 1 was decided
        ((65_535, 65_534), 1, [1]),
    ],
)
def test_what_passed_while_no_agent_ran_is_filled_in(
    path: Path, seen: Iterable[int], head: int, missed: list[int]
) -> None:
    """Every trigger has exactly one row, whatever the order in which the dead agent wrote its own."""
    journal = journal_at(path)
    inspect(journal, *seen)
    journal.close()
    heard = outage(path, plc_epoch=1, head=head)
    assert seqs_of(path, reason="agent_down", verdict="no_decision", agent_epoch=2) == missed
    assert [message.trigger_seq for message in heard] == missed, "the subscriber hears of each"
    assert not any(message.valid for message in heard)
    assert sorted(seqs_of(path), key=lambda seq: (seq < 100, seq)) == sorted(  # type: ignore[operator]
        [*seen, *missed], key=lambda seq: (seq < 100, seq)
    )


def test_a_second_start_fills_nothing_twice(path: Path) -> None:
    journal = journal_at(path)
    inspect(journal, 1)
    journal.close()
    outage(path, plc_epoch=1, head=4)
    outage(path, plc_epoch=1, head=5, agent_epoch=3)
    assert seqs_of(path) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("plc_epoch", "head"), [(2, 500), (1, 1)])
def test_a_new_plc_epoch_is_one_gap_row(path: Path, plc_epoch: int, head: int) -> None:
    """How many parts passed is not known; a head that ran backwards is a PLC that did not count its epoch up."""
    journal = journal_at(path)
    inspect(journal, 1, 2, 3)
    journal.close()
    (gap,) = outage(path, plc_epoch, head)
    assert (gap.kind, gap.verdict, gap.reason, gap.valid) == ("gap", "no_decision", "agent_down", False)
    assert seqs_of(path) == [1, 2, 3]


def test_a_start_right_after_a_gap_row_goes_on_from_there(path: Path) -> None:
    journal = journal_at(path)
    inspect(journal, 1)
    journal.close()
    outage(path, plc_epoch=2, head=500)
    outage(path, plc_epoch=2, head=502, agent_epoch=3)
    assert [row["kind"] for row in rows_of(path)] == ["inspection", "gap", "inspection", "inspection"]
    assert seqs_of(path, reason="agent_down") == [501, 502]


def test_the_first_start_of_all_fills_nothing(path: Path) -> None:
    assert outage(path, plc_epoch=1, head=1000) == []
    assert rows_of(path) == []


def test_rows_that_the_dead_left_open_are_closed_as_unknown(path: Path) -> None:
    journal = journal_at(path)
    journal.commit(decision(1))
    journal.close()
    assert rows_of(path)[0]["completed"] == 0
    journal_at(path, agent_epoch=2).close()
    row = rows_of(path)[0]
    assert (row["completed"], row["plc_action"], row["verdict"]) == (1, "unknown", "pass")


# --- damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_file_is_set_aside_and_no_id_is_used_twice(path: Path) -> None:
    """Three times in the same second: nothing is overwritten, ids go on upwards."""
    newest, damaged = 0, []
    for _ in range(3):
        journal = journal_at(path)
        inspect(journal, 1, 2, 3)
        journal.close()
        ids = [int(str(row["message_id"])) for row in rows_of(path)]
        assert ids[0] > newest
        newest = ids[-1]
        damaged.append(b"not a database at all, " + os.urandom(32))
        path.write_bytes(damaged[-1])
    journal_at(path).close()
    aside = [
        found for found in path.parent.glob("journal.sqlite.damaged-*") if not found.name.endswith(("-wal", "-shm"))
    ]
    assert sorted(found.read_bytes() for found in aside) == sorted(damaged)


@pytest.mark.parametrize("checkpointed", [True, False])
def test_a_journal_damaged_beside_a_live_log_gives_whole_rows_or_none(path: Path, checkpointed: bool) -> None:
    """SQLite mends what its log holds; a log that does not mend the file must not leak into the new one."""
    journal = journal_at(path)
    keeper = sqlite3.connect(path)
    keeper.execute("SELECT count(*) FROM inspections").fetchone()  # keeps the log from being folded in
    before = list(range(1, 100))
    inspect(journal, *before)
    journal.close()
    if checkpointed:  # the log no longer holds all pages
        keeper.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        journal = journal_at(path)
        inspect(journal, 100)
        journal.close()
    log = Path(f"{path}-wal").read_bytes()
    keeper.close()
    assert log
    path.write_bytes(b"x" * 4096)
    Path(f"{path}-wal").write_bytes(log)
    journal = journal_at(path, agent_epoch=2)
    inspect(journal, 200)
    journal.close()
    assert bool(list(path.parent.glob("*.damaged-*"))) is checkpointed
    assert seqs_of(path) == ([200] if checkpointed else [*before, 200])


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(ConfigError, match="state_dir") as caught:
        journal_at(tmp_path / "state" / "journal.sqlite")
    assert "\n" not in str(caught.value)


# --- kill -9 ---------------------------------------------------------------------------------------------------------

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from agent.journal.journal import Journal
    from tests.results.records import closed, decision, identity
    journal = Journal(Path(sys.argv[1]), identity(), 5000, False)
    for seq in range(1, 60000):
        decided = decision(seq)
        if journal.commit(decided):
            print(seq, flush=True)
        journal.complete(closed(decided))
    """
)


@pytest.mark.parametrize("rows", [1, 40, 300])
def test_kill_9_loses_no_row_that_was_committed(path: Path, rows: int) -> None:
    """The file holds a whole prefix: every row that the writer was told is on disk, and at most one more."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert writer.stdout is not None
    told = [int(next(writer.stdout)) for _ in range(rows)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.wait()
    writer.stdout.close()
    journal = journal_at(path, agent_epoch=2)
    journal.begin_epoch(1, told[-1] + 5)
    journal.close()
    found = rows_of(path)
    assert [row["trigger_seq"] for row in found] == list(range(1, told[-1] + 6))
    own = [row for row in found if row["agent_epoch"] == 1]
    assert len(own) - told[-1] in (0, 1)
    assert all(row["completed"] for row in found)
    assert not list(path.parent.glob("*.damaged-*"))


# --- the agent's epoch -----------------------------------------------------------------------------------------------


def test_the_agent_epoch_counts_up_over_restarts_and_a_lost_journal(tmp_path: Path) -> None:
    state = tmp_path
    assert [next_agent_epoch(state) for _ in range(3)] == [1, 2, 3]
    (state / "agent_epoch").write_text("65535\n")
    assert next_agent_epoch(state) == 1, "0 is no epoch"


@pytest.mark.parametrize("content", ["", "three", "\0\0"])
def test_a_damaged_agent_epoch_is_one_clear_line(tmp_path: Path, content: str) -> None:
    """Starting at 1 again could bring an epoch back that the PLC still knows."""
    (tmp_path / "agent_epoch").write_text(content)
    with pytest.raises(ConfigError, match="agent_epoch") as caught:
        next_agent_epoch(tmp_path)
    assert "\n" not in str(caught.value)


def test_two_stations_on_one_state_folder_are_refused(tmp_path: Path) -> None:
    """Also across processes: the lock is the kernel's, so that kill -9 lets go of it."""
    state = tmp_path / "state"
    with state_dir_alone(state):
        probe = (
            "from pathlib import Path; from agent.agent_epoch import state_dir_alone; "
            f"state_dir_alone(Path({str(state)!r})).__enter__()"
        )
        other = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False)
        assert "belongs to another running station" in other.stderr
    with state_dir_alone(state):
        pass


def test_the_time_of_the_decision_is_the_decisions_own(path: Path) -> None:
    """Not when the row was written: the disk may have been slow."""
    journal = Journal(path, identity(), 5000, required=False)
    decided = replace(decision(1), settled_ns=time.monotonic_ns() - 60_000_000_000)
    journal.commit(decided)
    journal.close()
    stamp = sqlite3.connect(":memory:").execute(
        "SELECT unixepoch('now') - unixepoch(?)", (rows_of(path)[0]["decided_utc"],)
    )
    assert 58 <= stamp.fetchone()[0] <= 70
