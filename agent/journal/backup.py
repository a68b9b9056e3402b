"""`linegate journal backup`: a whole copy, made while the station writes, and looked at before it counts as one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from agent.config import load_config
from agent.errors import Fault
from agent.give_way import give_way
from agent.journal.damage import check_whole, is_damage
from agent.journal.history import LOOK, open_reader
from agent.journal.ids import NO_MARK, mark
from agent.new_file import new_file


def run_backup(config_path: Path, out: Path) -> None:
    """Write `out` and print what is in it. Raises UsageError, ConfigError, Fault."""
    give_way()
    journal = load_config(config_path).station.journal
    with new_file("--out", out) as unfinished:
        try:
            rows = copy_journal(journal, unfinished)
        except sqlite3.Error as error:
            if is_damage(error):
                raise Fault(f"journal {journal}: {error}: nothing is copied: {LOOK}") from error
            raise Fault(f"--out {out}: {error}: free the disk, or choose another folder") from error
    print(f"{out}: {rows:,} {'part' if rows == 1 else 'parts'}, whole")


def copy_journal(journal: Path, out: Path) -> int:
    """Copy it as it stands at this moment, in one file that needs no log; how many parts are in it.

    Raises ConfigError without a journal, Fault when it is damaged, and as SQLite does.
    """
    with closing(open_reader(journal)) as source, closing(sqlite3.connect(out, isolation_level=None)) as copy:
        source.backup(copy)  # at one go: in steps it would begin anew with every row that is written meanwhile
        mark(copy, NO_MARK)
        copy.execute("PRAGMA journal_mode = DELETE")
        damage, _ = check_whole(copy)
        if damage:
            raise Fault(f"journal {journal}: {damage}: nothing is copied: {LOOK}")
        (rows,) = copy.execute("SELECT count(*) FROM inspections").fetchone()
    with out.open("rb") as written:
        os.fsync(written.fileno())
    return int(rows)
