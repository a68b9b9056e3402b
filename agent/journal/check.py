"""`linegate journal check`: is the file whole, and does every part have its one row?"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from agent.config import load_config
from agent.errors import Fault
from agent.give_way import give_way
from agent.journal.damage import all_set_aside, find_damage
from agent.journal.history import event_extent, open_reader, require_there
from agent.journal.retention import used_bytes
from agent.journal.rows import BEFORE_OPEN
from agent.journal.schema import SCHEMA_VERSION, require_known
from agent.plc.register_map import MAX_SEQ, seq_distance

SHOWN = 10
RESTART = "restart the station: it sets the file aside and begins a new one"
MB = 1e6


@dataclass
class Succession:
    """The trigger numbers between two gap rows, one row after the other; they wrap, and are out of order a little."""

    plc_epoch: int
    rows: int = 0
    _seen: set[int] = field(default_factory=set)
    """Numbers as they would be if they did not wrap."""
    _newest: int = 0

    def add(self, seq: int) -> None:
        """The next row's."""
        if self.rows:
            ahead = seq_distance(self._newest % MAX_SEQ or MAX_SEQ, seq)
            at = self._newest + (ahead if ahead <= MAX_SEQ // 2 else ahead - MAX_SEQ)
        else:
            at = MAX_SEQ + seq
        self.rows += 1
        self._newest = max(self._newest, at)
        self._seen.add(at)

    def wrong(self) -> Iterator[str]:
        """Numbers without a row, and rows too many."""
        missing = [at % MAX_SEQ or MAX_SEQ for at in range(min(self._seen), self._newest) if at not in self._seen]
        if missing:
            shown = ", ".join(map(str, missing[:SHOWN])) + (" …" if len(missing) > SHOWN else "")
            yield f"PLC epoch {self.plc_epoch}: {len(missing)} triggers have no row: {shown}"
        if self.rows > len(self._seen):
            yield f"PLC epoch {self.plc_epoch}: {self.rows - len(self._seen)} triggers have two rows"


def run_check(config_path: Path, copy: Path | None = None) -> None:
    """Print how the journal, or a copy of it, stands.

    Raises Fault when something is wrong with it, ConfigError when there is none.
    """
    give_way()
    path = copy or load_config(config_path).station.journal
    console = Console(highlight=False, soft_wrap=True, markup=False)
    require_there(path)
    _require_whole(path, "make another copy" if copy else RESTART)
    with closing(open_reader(path)) as db:
        version = require_known(db, path)
        db.execute("BEGIN")  # what follows is of one moment
        wrong = list(_wrong(db))
        report = list(_report(db, path, version))
    for line in report:  # whoever reads slowly holds up no log
        console.print(f"  {line}")
    for aside in all_set_aside(path):
        console.print(f"  set aside  {aside.name}", style="yellow")
    for line in wrong:
        console.print(f"  wrong      {line}", style="bold red")
    if wrong:
        raise Fault(f"journal {path}: the file is whole, but not every trigger has its one row: see above")
    console.print(f"{path}: whole, one row a trigger", style="green")


def _require_whole(path: Path, remedy: str) -> None:
    try:
        damage, _ = find_damage(path, given=True, limit_s=None)
    except sqlite3.OperationalError:  # cannot be opened: `open_reader` says why
        return
    if damage:
        raise Fault(f"journal {path} is damaged: {damage}: {remedy}")


def _wrong(db: sqlite3.Connection) -> Iterator[str]:
    """Up to the first row that is still open: what lies behind it may be out of order yet."""
    succession: Succession | None = None
    for epoch, seq, kind in db.execute(
        f"SELECT plc_epoch, trigger_seq, kind FROM inspections WHERE {BEFORE_OPEN} ORDER BY message_id"
    ):
        if succession and (kind == "gap" or epoch != succession.plc_epoch):
            yield from succession.wrong()
            succession = None
        if kind != "gap":
            succession = succession or Succession(epoch)
            succession.add(seq)
    if succession:
        yield from succession.wrong()


def _report(db: sqlite3.Connection, path: Path, version: int) -> Iterator[str]:
    size, used = path.stat().st_size, used_bytes(db)
    yield f"version    {version} of {SCHEMA_VERSION}"
    yield f"size       {size / MB:,.1f} MB, {max(size - used, 0) / MB:,.1f} MB of it free for new rows"
    first, last, begins, ends, epochs, agents, still_open = db.execute(
        "SELECT min(message_id), max(message_id), min(decided_utc), max(decided_utc), count(DISTINCT plc_epoch), "
        "count(DISTINCT agent_epoch), sum(completed = 0) FROM inspections"
    ).fetchone()
    counts = Counter(dict(db.execute("SELECT verdict, count(*) FROM inspections WHERE kind != 'gap' GROUP BY verdict")))
    told = " + ".join(f"{counts[verdict]:,} {verdict}" for verdict in ("pass", "reject", "no_decision"))
    yield f"triggers   {counts.total():,} = {told}"
    if first is not None:
        yield f"from       {begins} to {ends}, message_id {first} to {last}"
        yield f"epochs     {epochs} of the PLC, {agents} of the station; {still_open} rows still open"
    (gaps,) = db.execute("SELECT count(*) FROM inspections WHERE kind = 'gap'").fetchone()
    yield f"gaps       {gaps} rows stand for parts that have none of their own"
    yield "events     {} to {}".format(*event_extent(db))
