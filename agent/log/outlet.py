"""Takes lines from any thread and never blocks: a pipe that nobody reads, a journald that stands, cost nobody time."""

from __future__ import annotations

import logging
import threading
import time
from queue import Empty, SimpleQueue

from agent.log.about import FIELDS, about
from agent.log.fields import Fields, to_fields, utc
from agent.log.happening import Happening
from agent.log.sinks import Sink
from agent.log.storm import Kind, Storms

MOST_WAITING = 1000
FOR_CRITICAL = 100
"""More of these may wait: they say why the process ends."""
FLUSH_S = 0.25
"""So long an ending process waits for its last lines to go out."""
DISTINCT = ("REASON", "ALARM")
"""Lines with the same words are of two kinds when they differ in one of these."""

Waiting = tuple[float, Kind, logging.LogRecord]


class Outlet(logging.Handler):
    """Its thread runs from the start and ends with the process."""

    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self._sink, self._storms = sink, Storms()
        self._queue: SimpleQueue[Waiting | threading.Event] = SimpleQueue()
        self._dropped = self._failed = self._told_lost = 0
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """The text is made now: what it is made of may change. All else is the thread's work."""
        room = MOST_WAITING + (FOR_CRITICAL if record.levelno >= logging.CRITICAL else 0)
        if self._queue.qsize() >= room:
            self._dropped += 1
            return
        kind = _kind(record)
        try:
            record.msg = record.getMessage()
        except (TypeError, ValueError):  # a slip in a log call: better its raw form than no line
            record.msg = f"{record.msg} {record.args}"
        record.args = None
        self._queue.put((time.monotonic(), kind, record))

    def flush(self) -> None:
        """Wait until all is out, summaries too, but no longer than FLUSH_S."""
        done = threading.Event()
        self._queue.put(done)
        done.wait(FLUSH_S)

    def _run(self) -> None:
        while True:
            self._take_one()
            self._tell_all(self._storms.due(time.monotonic()))
            self._tell_lost()

    def _take_one(self) -> None:
        next_s = self._storms.next_s()
        try:
            taken = self._queue.get(timeout=None if next_s is None else max(0.0, next_s - time.monotonic()))
        except Empty:
            return
        if isinstance(taken, threading.Event):
            self._tell_all(self._storms.rest(time.monotonic()))
            self._tell_lost()
            taken.set()
            return
        at_s, kind, record = taken
        fields = to_fields(record)
        if record.levelno >= logging.CRITICAL or self._storms.admit(kind, fields, at_s):
            self._tell(fields)

    def _tell_all(self, summaries: list[Fields]) -> None:
        for fields in summaries:
            self._tell({"TIME": utc(time.time()), **fields})

    def _tell_lost(self) -> None:
        """Once there is room again."""
        lost = self._dropped + self._failed - self._told_lost
        if lost and self._queue.empty():
            self._told_lost += lost
            text = f"{lost} log lines are lost: nobody has taken them (is journald well?)"
            said = {"name": __name__, "levelno": logging.WARNING, "msg": text}
            self._tell(to_fields(logging.makeLogRecord(said | about(Happening.LINES_LOST, HELD_BACK=lost))))

    def _tell(self, fields: Fields) -> None:
        try:
            self._sink(fields)
        except OSError:  # nobody is at the other end: for that no station stops
            self._failed += 1


def _kind(record: logging.LogRecord) -> Kind:
    fields = getattr(record, FIELDS, {})
    return (record.name, record.msg, *(fields.get(name) for name in DISTINCT))
