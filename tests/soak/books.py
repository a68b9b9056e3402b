"""What became of each part, by each one who keeps account of it: the PLC, the journal, every subscriber."""

from __future__ import annotations

import json
import sqlite3
import threading
from array import array
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from agent.journal.history import open_reader
from agent.journal.rows import BEFORE_OPEN

PASS, REJECT, NO_DECISION, NO_VERDICT, UNKNOWN = b"prnvu"
VERDICTS = {"pass": PASS, "reject": REJECT, "no_decision": NO_DECISION}
OUTCOMES = {"passed": PASS, "rejected": REJECT, "no_decision": NO_DECISION, "no_verdict": NO_VERDICT}
"""What the PLC took the part for …"""
ACTIONS = {
    **{"passed": PASS, "rejected": REJECT, "rejected_no_decision": NO_DECISION, "rejected_no_verdict": NO_VERDICT},
    "unknown": UNKNOWN,
}
"""… and what the journal says that it did."""
MOST_TOLD = 20
SEQS = 65_535
"""trigger_seq wraps: after the last comes 1."""


class Book:
    """One letter a part, a byte each, so that a long run fills no memory; what does not fit in is kept in words."""

    def __init__(self, name: str, letters: dict[str, int]) -> None:
        self.name, self._letters = name, letters
        self.troubles: list[str] = []
        self._parts = bytearray()
        self._known = 0
        self._whole = 0
        self._lock = threading.Lock()

    def note(self, seq: int | None, part_id: int | None, outcome: str) -> None:
        """The part of that trigger became this. A part that was missed has no part_id: 0."""
        with self._lock:
            letter = self._letters.get(outcome)
            part = self._part_of(seq) if seq else 0
            if letter is None or part < 1 or part_id not in (part, 0):
                self.trouble(f"trigger {seq}, part {part_id}: {outcome}")
                return
            self._parts.extend(bytes(max(0, part + 1 - len(self._parts))))
            if self._parts[part]:
                self.trouble(f"part {part} came twice")
                return
            self._parts[part] = letter
            self._known += 1

    def _part_of(self, seq: int) -> int:
        """Parts are counted from 1 as triggers are, and never wrap: the one that is nearest to the newest known."""
        newest = max(len(self._parts) - 1, 1)
        return newest + (seq - newest + SEQS // 2) % SEQS - SEQS // 2

    def trouble(self, what: str) -> None:
        """Something that must not be; of many the first are kept, and how many there were."""
        if len(self.troubles) < MOST_TOLD:
            self.troubles.append(what)

    @property
    def known(self) -> int:
        """Of so many parts it is known what became of them."""
        return self._known

    @property
    def complete_to(self) -> int:
        """The last part before the first that is missing."""
        with self._lock:
            while self._whole + 1 < len(self._parts) and self._parts[self._whole + 1]:
                self._whole += 1
            return self._whole

    def letters(self, parts: int) -> bytes:
        """Of parts 1 to `parts`; 0 where nothing is known."""
        with self._lock:
            return bytes(self._parts[1 : parts + 1]).ljust(parts, b"\0")


class Truth:
    """The simulator's log: what the arm did, and with what before it. Read on from where it was read to."""

    def __init__(self, path: Path) -> None:
        self.book = Book("PLC", OUTCOMES)
        self._path, self._read_to = path, 0

    def read_on(self) -> None:
        """What has been written since; the last line may still be in the writing."""
        if not self._path.exists():
            return
        with self._path.open("rb") as log:
            log.seek(self._read_to)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._read_to += len(line)
                self._take(json.loads(line))

    def _take(self, record: dict[str, Any]) -> None:
        self.book.note(record["seq"], record["part_id"], record["outcome"])
        if (record["arm"] == "let_pass") != (record["outcome"] == "passed"):
            self.book.trouble(f"part {record['part_id']}: {record['outcome']}, but {record['arm']}")
        if record["true_part_id"] != record["part_id"]:
            self.book.trouble(f"part {record['true_part_id']} lay before the arm, not {record['part_id']}")


class Rows:
    """The journal, read as `linegate report` would, and how long each part took."""

    COLUMNS = (
        "message_id, kind, trigger_seq, part_id, verdict, reason, plc_action, "
        "decided_ns, acknowledged_ns, triggered_ns, evidence"
    )

    def __init__(self, path: Path) -> None:
        self.book = Book("journal", VERDICTS)
        self.actions = Book("journal of what the PLC did", ACTIONS)
        self._path, self._newest = path, 0
        self.reasons: dict[str, int] = {}
        """Parts without a verdict, by reason."""
        self.decided_ns = array("q")
        """When, of each part with a verdict that was acknowledged: the same places as in the two that follow."""
        self.write_path_ms, self.whole_path_ms = array("f"), array("f")
        """Frame in hand → write acknowledged; photo-eye → the same."""

    def read_on(self) -> None:
        """The rows completed since, up to the first that is still open; next time, if the file is locked now."""
        with suppress(sqlite3.OperationalError, ConfigError), closing(open_reader(self._path)) as journal:
            for row in journal.execute(
                f"SELECT {self.COLUMNS} FROM inspections WHERE {BEFORE_OPEN} AND message_id > ? ORDER BY message_id",
                (self._newest,),
            ):
                self._take(row)

    def _take(self, row: Any) -> None:
        if row["message_id"] != self._newest + 1:
            self.book.trouble(f"a gap between messages {self._newest} and {row['message_id']}")
        self._newest = row["message_id"]
        of = row["trigger_seq"], row["part_id"]
        self.book.note(*of, row["verdict"] if row["kind"] == "inspection" else row["kind"])
        self.actions.note(*of, row["plc_action"])
        if row["verdict"] == "no_decision":
            self.reasons[row["reason"]] = self.reasons.get(row["reason"], 0) + 1
        elif row["acknowledged_ns"]:
            stages = json.loads(row["evidence"])["latencies_ms"]
            write_ms = (row["acknowledged_ns"] - row["decided_ns"]) / 1e6
            self.decided_ns.append(row["decided_ns"])
            self.write_path_ms.append(stages["segment"] + stages["judge"] + write_ms)
            self.whole_path_ms.append((row["acknowledged_ns"] - row["triggered_ns"]) / 1e6)

    def between(self, begin_ns: int, end_ns: int) -> tuple[list[float], list[float]]:
        """`write_path_ms` and `whole_path_ms` of the parts decided in this time, each sorted."""
        found = [place for place, decided_ns in enumerate(self.decided_ns) if begin_ns <= decided_ns < end_ns]
        return sorted(self.write_path_ms[place] for place in found), sorted(
            self.whole_path_ms[place] for place in found
        )
