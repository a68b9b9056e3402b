"""`linegate bench --rows`: what the record costs the deadline path and its readers, on a journal of real size."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
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

from agent.benches.hand_fed_station import HandFedStation
from agent.benches.made_history import make_history
from agent.config import load_config
from agent.messages import ReplayRequest
from agent.report.html import to_html
from agent.report.period import Period
from agent.report.report import make_report
from agent.shipped import shipped
from agent.subscriber.subscriber import subscribe

SHIFT = timedelta(hours=8)
QUERIES, QUERY_ROWS, PAUSE_S = 20, 1000, 0.3
"""The pause is longer than the server rests after an answer."""
READERS, RESULTS_PER_S, FOR_S = 10, 200.0, 5.0
PATIENCE_S, CONNECTED_S = 30.0, 0.5
Heard = tuple[list[int], list[float]]
"""message_ids, and how long after the decision each was there, in ms."""


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
    title = f"On {rows:,} parts"
    table = Table("", "goal", "median", "p99", "max", "n", "", box=SIMPLE, padding=(0, 1, 0, 0), title=title)
    with TemporaryDirectory(prefix="linegate-bench-") as folder:
        path = Path(folder) / "journal.sqlite"
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("making the journal", total=rows)
            make_history(path, rows, progress=lambda made: progress.update(task, completed=made))
        size_mb = path.stat().st_size / 1e6
        with console.status("measuring …"), HandFedStation(path) as station:
            row_ms = station.inspected(int(seconds * rate_per_s), rate_per_s)
            for seen in (
                _figures(f"journal row on disk, {rate_per_s:g}/s", 0.15, row_ms, 3),
                _figures("publish()", 0.1, station.publish_ms, 3),
                _report(path),
                _history(station),
                _readers(station),
            ):
                table.add_row(seen.what, seen.goal, *seen.figures, "reached" if seen.reached else "MISSED")
    console.print(table)
    console.print(
        f"journal: {size_mb:.0f} MB; report: of the newest parts, as HTML; history: from request to answer; "
        f"readers: {READERS} subscribers in a process of their own, from decision to parsed"
    )


def _report(path: Path) -> Seen:
    """Of the newest eight hours, as HTML without pictures."""
    config, now = load_config(shipped("config/demo.toml")), datetime.now(UTC)
    begun_s, used_s = time.monotonic(), time.process_time()
    report = make_report(config, path, Period(now - SHIFT, now), now)
    to_html(report)
    took_s, used_s = time.monotonic() - begun_s, time.process_time() - used_s
    figures = (f"{took_s:.2f} s", "", "", f"{report.parts.all.parts:,}")
    return Seen(f"report of 8 h, {used_s:.2f} s CPU", "< 2 s", took_s < 2.0, figures)


def _history(station: HandFedStation) -> Seen:
    """Random places of the whole record, through the real endpoint; until the answer is in hand."""
    newest, times_ms, short = station.newest_id, [], 0
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, int(PATIENCE_S * 1000))
        socket.connect(station.ports.replay)
        for _ in range(QUERIES):
            since = random.randrange(newest - QUERY_ROWS + 1)
            begun_s = time.monotonic()
            socket.send(ReplayRequest(since=since, limit=QUERY_ROWS).to_bytes())
            short += len(socket.recv_multipart()) != 1 + QUERY_ROWS
            times_ms.append((time.monotonic() - begun_s) * 1000)
            time.sleep(PAUSE_S)
    seen = _figures(f"history of {QUERY_ROWS:,} rows", 50.0, times_ms, 1)
    return replace(seen, what=f"{seen.what}; {short} answers too short", reached=False) if short else seen


def _readers(station: HandFedStation) -> Seen:
    """Many subscribers, in a process of their own: each must get every result, in order, once."""
    count, newest = int(RESULTS_PER_S * FOR_S), station.newest_id
    spawn = multiprocessing.get_context("spawn")
    heard: Queue[Heard] = spawn.Queue()
    process = spawn.Process(
        target=_listen, args=(READERS, station.ports.results, station.ports.replay, newest, count, heard)
    )
    process.start()
    try:
        heard.get(timeout=PATIENCE_S)  # they are there
        station.inspected(count, RESULTS_PER_S)
        got = [heard.get(timeout=PATIENCE_S) for _ in range(READERS)]
    finally:
        process.terminate()
        process.join()
    wanted = list(range(newest + 1, newest + 1 + count))
    gaps = sum(ids != wanted for ids, _ in got)
    seen = _figures("", 0.0, [delay for _, delays in got for delay in delays], 1)
    what = f"{RESULTS_PER_S:g}/s to {READERS} readers" + (f", {gaps} with gaps" if gaps else "")
    return replace(seen, what=what, goal="no gap", reached=gaps == 0)


def _listen(readers: int, results: str, replay: str, since: int, count: int, heard: Queue[Heard]) -> None:
    """So many of them, in threads; each says what it got."""

    def follow() -> None:
        ids, delays_ms = [], []
        for message in islice(subscribe(results, replay, since), count):
            ids.append(message.message_id)
            delays_ms.append((time.monotonic_ns() - message.decided_ns) / 1e6)
        heard.put((ids, delays_ms))

    threads = [threading.Thread(target=follow, daemon=True) for _ in range(readers)]
    for thread in threads:
        thread.start()
    time.sleep(CONNECTED_S)
    heard.put(([], []))
    for thread in threads:
        thread.join()


def _figures(what: str, goal_ms: float, times_ms: list[float], digits: int) -> Seen:
    median_ms, p99_ms, max_ms = (f"{value:.{digits}f} ms" for value in np.percentile(times_ms, [50, 99, 100]))
    reached = float(np.median(times_ms)) <= goal_ms
    return Seen(what, f"≤ {goal_ms:g} ms", reached, (median_ms, p99_ms, max_ms, str(len(times_ms))))
