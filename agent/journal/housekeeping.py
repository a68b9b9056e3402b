"""What the journal needs now and then, in a thread of its own: checkpoints, ids in hand, retention, rest of the check.

It waits for the disk so that the writer need not. What it has to write it gives the writer to do, in small turns.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass

from agent.event import Event
from agent.journal.damage import check_whole, is_damage
from agent.journal.journal import Journal
from agent.journal.retention import Retention
from agent.log.about import about
from agent.log.happening import Happening
from agent.results_config import GB, JournalConfig
from agent.worker import CLOSE_S, Worker

log = logging.getLogger(__name__)

ROUND_S = 1.0
CHECKPOINT_S = 10.0
"""A power cut takes at most the rows of so long …"""
CHECKPOINT_SHARE = 100
"""… or, on a disk that takes long to sync, of so many times what that takes, as each makes one commit wait as well …"""
CHECKPOINT_MOST_S = 30.0
"""… but never more …"""
CHECKPOINT_PARTS = 1200
"""… nor of more parts: each makes the log grow by some 25 kB."""
LOG_FRAMES = 8_000
"""32 MB: a minute at 20 parts/s."""
RETENTION_S = 60.0
LONG_LOG_FRAMES = 8 * LOG_FRAMES
"""250 MB: somebody has been reading for minutes, and nothing can be folded in meanwhile."""
LONG_LOG_TOLD_S = 3600.0
PAGE_BYTES = 4096
TURN_S = 2.0
"""A turn that the writer has not taken by then: the disk has other troubles."""
BETWEEN_TURNS_S = 0.02
CHECK_NICENESS = 19
"""The check takes the processor when nobody else wants it."""


@dataclass
class Schedule:
    """When what is due next, on any clock that never goes back."""

    checkpoint_s: float = 0.0
    checkpoint_id: int = 0
    """Or when this message_id has been given."""
    retention_s: float = 0.0

    def checkpointed(self, now_s: float, took_s: float, message_id: int) -> None:
        """The next is due after a while."""
        self.checkpoint_id = message_id + CHECKPOINT_PARTS
        self.checkpoint_s = now_s + min(max(CHECKPOINT_S, CHECKPOINT_SHARE * took_s), CHECKPOINT_MOST_S)

    def pruned(self, now_s: float) -> None:
        """As `checkpointed`."""
        self.retention_s = now_s + RETENTION_S


class Housekeeping:
    """Its thread runs from the start; close it before the journal."""

    def __init__(self, journal: Journal, config: JournalConfig) -> None:
        self._journal = journal
        self._retention = Retention(config.keep_days, config.max_gb * GB)
        self._schedule = Schedule()
        self._long_log_s = 0.0
        """When a long log may be told of again."""
        self._lock = threading.Lock()
        self._checks_by: sqlite3.Connection | None = None
        """Its lock held: nobody interrupts a connection that is closed."""
        self._keeper = Worker("journal-housekeeping", self._keep_house)
        self._checker = Worker("journal-check", self._check)
        self._keeper.start()
        if not journal.checked:
            self._checker.start()

    def close(self, within_s: float = CLOSE_S) -> None:
        """After the turn under way; the check ends where it is."""
        with self._lock:
            self._checker.ending.set()
            if self._checks_by:
                self._checks_by.interrupt()
        end_s = time.monotonic() + within_s
        self._keeper.close(within_s)
        self._checker.close(end_s - time.monotonic())

    def _keep_house(self) -> None:
        with closing(sqlite3.connect(self._journal.path, isolation_level=None, timeout=0.0)) as db:
            while not self._keeper.ending.wait(ROUND_S):
                try:
                    self._round(db)
                except (sqlite3.OperationalError, OSError) as error:
                    log.debug("journal housekeeping: %s", error)  # the writer meets the same, and tells of it
                except sqlite3.DatabaseError as error:
                    if not is_damage(error):
                        raise
                    self._journal.found_damage(str(error))
                    return

    def _round(self, db: sqlite3.Connection) -> None:
        self._journal.kept_s = time.monotonic()
        self._journal.ids.keep_ahead()
        db.execute("PRAGMA synchronous = NORMAL")
        begun_s, message_id = time.monotonic(), self._journal.ids.given["inspections"]
        if begun_s >= self._schedule.checkpoint_s or message_id >= self._schedule.checkpoint_id:
            self.checkpoint(db)
            self._schedule.checkpointed(time.monotonic(), time.monotonic() - begun_s, message_id)
        if begun_s >= self._schedule.retention_s:
            self.prune(db)
            self._schedule.pruned(time.monotonic())

    def checkpoint(self, db: sqlite3.Connection) -> None:
        """Sync the log and fold it into the file, beside the writer.

        The first commit after it begins the log anew and syncs its head: an empty one does, so that no decision waits.
        On a busy line and a slow disk there is always a commit in between, and the log would grow for ever: when it is
        long, the writer folds in the rest itself.
        """
        _, frames, folded = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if frames > LOG_FRAMES:
            self._journal.run(_begin_log_anew, TURN_S)
        elif 0 < frames == folded:
            self._journal.run(_empty_commit, TURN_S)
        self._look_at_log(frames)

    def _look_at_log(self, frames: int) -> None:
        if frames <= LONG_LOG_FRAMES:
            self._journal.long_log = ""
            return
        self._journal.long_log = why = f"its log has {frames * PAGE_BYTES / 1e6:.0f} MB, as somebody reads for too long"
        if time.monotonic() >= self._long_log_s:
            self._long_log_s = time.monotonic() + LONG_LOG_TOLD_S
            log.warning("journal: %s: end what reads it (a copy, a check, a shell), or the disk fills", why,
                        extra=about(Happening.RECORD_TROUBLE))  # fmt: skip
            self._journal.record(Event("journal", "LONG_LOG", why))

    def prune(self, db: sqlite3.Connection) -> None:
        """Batch after batch until nothing is too old or too much."""
        last_too_old = self._retention.last_too_old(db)
        more = True
        while more and not self._keeper.ending.is_set():
            more = False
            self._journal.kept_s = time.monotonic()

            def turn(writer: sqlite3.Connection) -> None:
                nonlocal more
                with suppress(sqlite3.OperationalError):  # a full disk: rows go first
                    more = self._retention.prune(writer, last_too_old)

            if not self._journal.run(turn, TURN_S):
                return
            self._keeper.ending.wait(BETWEEN_TURNS_S)

    def _check(self) -> None:
        """The file was too large to be looked at in whole before the start. A thread of its own, by its niceness."""
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), CHECK_NICENESS)
        try:
            with closing(sqlite3.connect(self._journal.path, check_same_thread=False)) as reader:
                damage = self._damage_seen_by(reader)
        except sqlite3.OperationalError as error:
            log.warning("journal %s could not be checked: %s", self._journal.path, error)
            return
        except sqlite3.DatabaseError as error:
            damage = str(error)
        if damage:
            self._journal.found_damage(damage)

    def _damage_seen_by(self, reader: sqlite3.Connection) -> str:
        with self._lock:
            if self._checker.ending.is_set():
                return ""
            self._checks_by = reader
        try:
            return check_whole(reader)[0]
        finally:
            with self._lock:
                self._checks_by = None


def _begin_log_anew(writer: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        _empty_commit(writer)


def _empty_commit(writer: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):
        (version,) = writer.execute("PRAGMA user_version").fetchone()
        writer.execute(f"PRAGMA user_version = {version}")
