"""`linegate bench --rows`: what the record costs the deadline path and its readers, on a journal of real size."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import zmq
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from agent.config import Config, load_config
from agent.inspection import Defect, Inspection, Judgement, PlcAction, Reason, Trigger, Verdict
from agent.journal.history import newest_ids
from agent.journal.housekeeping import Housekeeping
from agent.journal.journal import Journal
from agent.journal.rows import Identity
from agent.local_line import free_port
from agent.made_history import make_history
from agent.plc.decision import Closed, Decision
from agent.report.html import to_html
from agent.report.period import Period
from agent.report.report import make_report
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.messages import ReplayRequest, ResultMessage
from agent.results.publisher import Publisher
from agent.results.subscriber import subscribe
from agent.results_config import PublisherConfig
from agent.shipped import shipped

SHIFT = timedelta(hours=8)
QUERIES, QUERY_ROWS, PAUSE_S = 20, 1000, 0.3
"""The pause is longer than the server rests after an answer."""
SUBSCRIBERS, RESULTS_PER_S, FOR_S = 10, 200.0, 5.0
REJECT_EVERY = 12
WAIT_MS = 5000.0
"""Longer than a station's: the whole of each wait is to be seen."""
IDENTITY = Identity("line1", "cam1", 60_000, "ab" * 32, {1: ("magnetic_tile", "cd" * 32)}, True)


@dataclass(frozen=True)
class Seen:
    """One row of the table."""

    what: str
    goal: str
    reached: bool
    figures: tuple[str, str, str, str]
    """Median, p99, max, n."""


def run_results_bench(rows: int, seconds: float, rate_per_s: float) -> None:
    """Make such a journal in a temporary folder, measure, print one table."""
    console = Console(highlight=False)
    config = load_config(shipped("config/demo.toml"))
    table = Table(
        "",
        "goal",
        "median",
        "p99",
        "max",
        "n",
        "",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        title=f"On {rows:,} parts",
        title_justify="left",
    )
    with TemporaryDirectory(prefix="linegate-bench-") as folder:
        path = Path(folder) / "journal.sqlite"
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("making the journal", total=rows)
            make_history(path, rows, progress=lambda made: progress.update(task, completed=made))
        size_mb = path.stat().st_size / 1e6
        with console.status("measuring …") as status, _Station(path) as station:
            for name, measure in (
                ("commit and publish", lambda: station.deadline_path(seconds, rate_per_s)),
                ("report", lambda: [_report(config, path)]),
                ("history", lambda: [station.history()]),
                ("subscribers", lambda: [station.subscribers()]),
            ):
                status.update(f"{name} …")
                for seen in measure():
                    table.add_row(seen.what, seen.goal, *seen.figures, "reached" if seen.reached else "MISSED")
    console.print(table)
    console.print(
        f"journal: {size_mb:.0f} MB; report: of the newest parts, as HTML; history: from request to answer; "
        f"readers: {SUBSCRIBERS} subscribers in a process of their own, from decision to parsed"
    )


class _Station:
    """Journal, publisher and replay as a station has them, on free ports; fed by hand."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = ExitStack()
        self._seq = 0
        self._publish_ms: list[float] = []

    def __enter__(self) -> _Station:
        self.ports = PublisherConfig(
            results=f"tcp://127.0.0.1:{free_port()}", replay=f"tcp://127.0.0.1:{free_port()}", images="none"
        )
        endpoints = Endpoints(self.ports)
        self._opened.callback(endpoints.close)
        self._publisher = Publisher(self.ports, endpoints, IDENTITY)
        self._opened.callback(self._publisher.close)
        self._opened.callback(HistoryServer(endpoints, IDENTITY, self._path).close)
        config = load_config(shipped("config/demo.toml")).journal
        self._journal = Journal(self._path, IDENTITY, WAIT_MS, required=False)
        self._opened.callback(self._journal.close)
        self._opened.callback(Housekeeping(self._journal, config).close)
        self._journal.on_completed(self._timed_publish)
        self._publisher.record_reaches(*newest_ids(self._path))
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def deadline_path(self, seconds: float, rate_per_s: float) -> Iterator[Seen]:
        """What the way of a part waits for."""
        self._publish_ms.clear()
        commit_ms = list(self._inspected(int(seconds * rate_per_s), rate_per_s))
        self._settle()
        yield _figures(f"journal row on disk, {rate_per_s:g}/s", 0.15, commit_ms, 3)
        yield _figures("publish()", 0.1, self._publish_ms, 3)

    def history(self) -> Seen:
        """Random places of the whole record, through the real endpoint; until the answer is in hand."""
        newest, _ = newest_ids(self._path)
        times_ms, short = [], 0
        with zmq.Context() as context, context.socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(self.ports.replay)
            for _ in range(QUERIES):
                since = random.randrange(newest - QUERY_ROWS + 1)
                begun_s = time.monotonic()
                socket.send(ReplayRequest(since=since, limit=QUERY_ROWS).to_bytes())
                short += len(socket.recv_multipart()) != 1 + QUERY_ROWS
                times_ms.append((time.monotonic() - begun_s) * 1000)
                time.sleep(PAUSE_S)
        seen = _figures(f"history of {QUERY_ROWS:,} rows", 50.0, times_ms, 1)
        return replace(seen, what=f"{seen.what}; {short} answers too short", reached=False) if short else seen

    def subscribers(self) -> Seen:
        """Many of them, in a process of their own: each must get every result, in order, once."""
        count = int(RESULTS_PER_S * FOR_S)
        newest, _ = newest_ids(self._path)
        spawn = multiprocessing.get_context("spawn")
        heard: Queue[tuple[list[int], list[float]]] = spawn.Queue()
        process = spawn.Process(target=_listen, args=(self.ports.results, self.ports.replay, newest, count, heard))
        process.start()
        try:
            heard.get(timeout=30)  # they are there
            for _ in self._inspected(count, RESULTS_PER_S):
                pass
            got = [heard.get(timeout=30) for _ in range(SUBSCRIBERS)]
        finally:
            process.terminate()
            process.join()
        wanted = list(range(newest + 1, newest + 1 + count))
        gaps = sum(ids != wanted for ids, _ in got)
        seen = _figures("", 0.0, [delay for _, delays in got for delay in delays], 1)
        what = f"{RESULTS_PER_S:g}/s to {SUBSCRIBERS} readers" + (f", {gaps} with gaps" if gaps else "")
        return replace(seen, what=what, goal="no gap", reached=gaps == 0)

    def _inspected(self, count: int, rate_per_s: float) -> Iterator[float]:
        """Parts at a steady rate; what each waited for its row, in ms."""
        next_s = time.monotonic()
        for _ in range(count):
            next_s += 1 / rate_per_s
            time.sleep(max(0.0, next_s - time.monotonic()))
            self._seq += 1
            decision = _decision(self._seq)
            begun_ns = time.monotonic_ns()
            self._journal.commit(decision)
            waited_ms = (time.monotonic_ns() - begun_ns) / 1e6
            action = PlcAction.REJECTED if decision.verdict is Verdict.REJECT else PlcAction.PASSED
            self._journal.complete(
                Closed(decision, decision.verdict, decision.reason, time.monotonic_ns(), action, in_time=True)
            )
            yield waited_ms

    def _timed_publish(self, message: ResultMessage, closed: Closed | None) -> None:
        begun_ns = time.monotonic_ns()
        self._publisher.publish(message, closed)
        self._publish_ms.append((time.monotonic_ns() - begun_ns) / 1e6)

    def _settle(self) -> None:
        """Until nothing waits for the disk."""
        self._journal.run(lambda _: None, within_s=10.0)


def _decision(seq: int) -> Decision:
    """As a station makes them: what was seen is in it."""
    now_ns = time.monotonic_ns()
    trigger = Trigger(seq % 65_535 + 1, seq, 7, now_ns, now_ns, now_ns + 400_000_000, now_ns, job=1)
    rejected = seq % REJECT_EVERY == 0
    verdict, reason = (Verdict.REJECT, Reason.DEFECT) if rejected else (Verdict.PASS, Reason.OK)
    defects = (Defect("crack", 0.9, 1.2, 3.4, 5.6, 7.8, True),) * 2 if rejected else ()
    peaks = {"blowhole": 0.021, "break": 0.013, "crack": 0.9 if rejected else 0.101, "fray": 0.002, "uneven": 0.044}
    judgement = Judgement(verdict, reason, defects, peak_scores=peaks, margin=0.4)
    stages_ms = {"grab": 12.345, "segment": 9.012, "run": 8.234, "judge": 0.251}
    return Decision(trigger, verdict, reason, now_ns, evidence=Inspection(trigger, judgement, stages_ms, now_ns))


def _report(config: Config, path: Path) -> Seen:
    """Of the newest eight hours, as HTML without pictures."""
    now = datetime.now(UTC)
    begun_s, used_s = time.monotonic(), time.process_time()
    report = make_report(config, path, Period(now - SHIFT, now), now)
    to_html(report)
    took_s, used_s = time.monotonic() - begun_s, time.process_time() - used_s
    figures = (f"{took_s:.2f} s", "", "", f"{report.parts.all.parts:,}")
    return Seen(f"report of 8 h, {used_s:.2f} s CPU", "< 2 s", took_s < 2.0, figures)


def _figures(what: str, goal_ms: float, times_ms: list[float], digits: int) -> Seen:
    median_ms, p99_ms, max_ms = (f"{value:.{digits}f} ms" for value in np.percentile(times_ms, [50, 99, 100]))
    reached = float(np.median(times_ms)) <= goal_ms
    return Seen(what, f"≤ {goal_ms:g} ms", reached, (median_ms, p99_ms, max_ms, str(len(times_ms))))


def _listen(results: str, replay: str, since: int, count: int, heard: Queue[tuple[list[int], list[float]]]) -> None:
    """SUBSCRIBERS of them, in threads; each says what it got and how long after the decision."""

    def follow() -> None:
        ids, delays_ms = [], []
        for message in islice(subscribe(results, replay, since), count):
            ids.append(message.message_id)
            delays_ms.append((time.monotonic_ns() - message.decided_ns) / 1e6)
        heard.put((ids, delays_ms))

    threads = [threading.Thread(target=follow, daemon=True) for _ in range(SUBSCRIBERS)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    heard.put(([], []))
    for thread in threads:
        thread.join()
