"""F13: subscribers that are slow, frozen or hostile cost no verdict, no memory without a bound, and no result."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from statistics import median
from typing import Any

import pytest
import zmq

from agent.messages import ResultMessage, StatusMessage, topic
from agent.results.publisher import FOR_EACH_PEER_WITH_IMAGES
from agent.subscriber.subscriber import history
from tests.faults.pictured_station import PHOTO_BYTES
from tests.faults.report import Finding, Report
from tests.faults.script import Script
from tests.faults.scripted_line import MS, ScriptedLine
from tests.faults.sizes import FULL_TIMEOUT_S, SEED, sized
from tests.faults.slow_subscribers import bad_peers
from tests.faults.test_overload import rss_mb
from tests.waiting import newest_pulse, wait_until

RATE_PER_S, DECIDE_MS = 40, 500
SLOW = {"never_reads": 20, "reads_slowly": 20, "frozen": 10}
"""Fifty."""
FAST_PER_S = 200
BLOCKS, BLOCK_S = 20, 5.0
SCRIPT = Script(SEED, no_decision_share=0.0, run_ms=(1.0, 1.0))
RSS_LIMIT_MB = 50 * FOR_EACH_PEER_WITH_IMAGES * PHOTO_BYTES / 1e6
"""What 50 peers may cost that all stand at another place; these came together and share most of it."""
SETTLE_S = 1.0


class PicturedLine(ScriptedLine):
    """A scripted line whose photos are large on the wire."""

    station = "tests.faults.pictured_station"

    def __init__(self, parts: int, decide_ms: int = DECIDE_MS) -> None:
        # a part whose photo is late for want of a core is still in time when its verdict is
        changes = {"publisher": {"images": "all"}, "trigger": {"capture_window_ms": 0.6 * decide_ms}}
        super().__init__(SCRIPT, parts, RATE_PER_S, decide_ms, changes)


@sized(("seconds", "decide_ms", "late_share"), (2.0, 1500, 0.1), (60.0, DECIDE_MS, 0.01))
def test_f13_slow_frozen_and_hostile_peers(report: Report, seconds: float, decide_ms: int, late_share: float) -> None:
    """All at once, at a station that sends every photo: verdicts in time, memory bounded, gaps seen and filled.

    (A busy computer may make `late_share` of them late by itself; the short run leaves it more time.)
    """
    parts = round((seconds + 1) * RATE_PER_S)
    with PicturedLine(parts, decide_ms) as line:
        line.wait_for_parts(10)
        with late_reader(line.endpoints["results"]) as live, Highest(line.processes["station"].pid) as memory:
            with bad_peers(line.endpoints, **SLOW, asks_and_never_reads=50, hostile=1):
                line.wait_for_parts(parts - 10)
            missed = missed_by(live)
        balance = line.balance()
        replayed = {message.message_id for message in history(line.endpoints["replay"], since=missed[0] - 1)}
        wait_until(lambda: len(line.messages) == parts, "an honest subscriber has every result")
        status = newest_pulse(line.endpoints["results"])
        late = [row["reason"] for row in line.rows() if row["verdict"] == "no_decision" or not row["in_time"]]
        upkeep = status.upkeep
        report.add(
            Finding("F13 bad subscribers", parts, upkeep.clients_put_out, balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, [],
                    f"{len(late)} not in time; memory +{memory.growth_mb:.0f} MB, limit {RSS_LIMIT_MB:.0f}; "
                    f"a late reader missed {len(missed)}, all replayed; {upkeep.replays_dropped} replays unread")
        )  # fmt: skip
        assert len(late) <= late_share * parts
        assert memory.growth_mb < RSS_LIMIT_MB
        assert replayed.issuperset(missed)
        assert "READY" in status.plc_status
        assert not status.alarms
        assert upkeep.clients_put_out >= 3, "nobody has been hostile"
        assert upkeep.replays_dropped >= 10, "everybody has read"


@contextmanager
def late_reader(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    """A subscriber that keeps next to nothing while it does not read."""
    with zmq.Context() as context, context.socket(zmq.SUB) as live:
        for option, value in {zmq.RCVHWM: 1, zmq.RCVBUF: 32768, zmq.LINGER: 0}.items():
            live.setsockopt(option, value)
        live.subscribe(b"insp/")
        live.connect(endpoint)
        assert live.poll(20_000), "no pulse"
        yield live


def missed_by(live: zmq.Socket[bytes]) -> list[int]:
    """Read until a result or a pulse tells of results that have not come; their message_ids."""
    seen: int | None = None
    while True:
        assert live.poll(20_000), "nothing comes any more"
        topic, header = live.recv_multipart()[:2]
        if topic.endswith(b"/result/"):
            newest = ResultMessage.model_validate_json(header).message_id - 1
            seen = newest + 1 if seen in (None, newest) else seen
        elif topic.endswith(b"/status/"):
            newest = StatusMessage.model_validate_json(header).last_message_id
            seen = newest if seen is None else seen
        if seen is not None and newest > seen + 1:  # a pulse may be one ahead
            return list(range(seen + 1, newest + 1))


@pytest.mark.faults
@pytest.mark.timeout(FULL_TIMEOUT_S)
def test_f13_fifty_slow_subscribers_and_the_verdict_path(report: Report) -> None:
    """Blocks with and without them in turn, in one run: the p99 may grow by 10 % or 0.5 ms."""
    begins: list[tuple[bool, int, int]] = []
    parts = round(BLOCKS * (BLOCK_S + 2 * SETTLE_S) * RATE_PER_S * 1.2)
    with PicturedLine(parts) as line:
        for number in range(BLOCKS):
            slow = number % 2 == 1
            with bad_peers(line.endpoints, **SLOW) if slow else nullcontext():
                time.sleep(SETTLE_S)
                begun_ns = time.monotonic_ns()
                time.sleep(BLOCK_S)
                begins.append((slow, begun_ns, time.monotonic_ns()))
            time.sleep(SETTLE_S)
        line.end_here()
        balance = line.balance()
        rows = line.rows()
    missed = []
    for what, of in (("verdict to acknowledged", write_ms), ("frame to acknowledged", path_ms)):
        without, with_them = (sorted(times_ms(rows, begins, slow, of)) for slow in (False, True))
        before, after = p99(without), p99(with_them)
        missed += [what] if after - before > max(0.1 * before, 0.5) else []
        report.add(
            Finding(f"F13 {what}", balance.triggers, 0, balance.escapes, balance.duplicates,
                    balance.no_decision_share, None, [],
                    f"without / with 50 slow subscribers: p50 {median(without):.2f} / {median(with_them):.2f} ms, "
                    f"p99 {before:.2f} / {after:.2f} ms, {BLOCKS} blocks of {BLOCK_S:g} s")
        )  # fmt: skip
    assert not missed


def times_ms(rows: list[dict[str, Any]], blocks: list[tuple[bool, int, int]], slow: bool,
             of: Callable[[dict[str, Any]], float]) -> list[float]:  # fmt: skip
    """Of all parts that were decided in a block of that kind."""
    spans = [(begun, ended) for kind, begun, ended in blocks if kind is slow]
    return [of(row) for row in rows if row["acknowledged_ns"] and row["verdict"] != "no_decision"
            and any(begun <= row["decided_ns"] < ended for begun, ended in spans)]  # fmt: skip


def write_ms(row: dict[str, Any]) -> float:
    """From the settled verdict to its acknowledgement by the PLC."""
    return float(row["acknowledged_ns"] - row["decided_ns"]) / MS


def path_ms(row: dict[str, Any]) -> float:
    """From the frame in hand, by its stages, to the acknowledgement."""
    stages = json.loads(row["evidence"])["latencies_ms"]
    return float(stages["segment"] + stages["judge"]) + write_ms(row)


def p99(times: list[float]) -> float:
    return times[len(times) * 99 // 100]


# --- many subscribers that do read -----------------------------------------------------------------------------------


@sized(("seconds",), (0.4,), (60.0,))
def test_200_results_a_second_reach_ten_subscribers_without_a_gap(report: Report, seconds: float) -> None:
    """Live alone, no replay."""
    parts = round(seconds * FAST_PER_S) + FAST_PER_S
    with ScriptedLine(SCRIPT, parts, FAST_PER_S) as line, ExitStack() as opened:
        context = opened.enter_context(zmq.Context())
        heard: dict[zmq.Socket[bytes], list[int]] = {
            opened.enter_context(context.socket(zmq.SUB)): [] for _ in range(10)
        }
        poller = zmq.Poller()
        for live in heard:
            live.subscribe(topic("line1", "cam1", "result").encode())
            live.connect(line.endpoints["results"])
            poller.register(live, zmq.POLLIN)
        while not all(whole(ids, parts) for ids in heard.values()):
            ready = poller.poll(10_000)
            assert ready, "nothing comes any more: there was a gap"
            for live, _ in ready:
                heard[live].append(json.loads(live.recv_multipart()[1])["message_id"])
        fewest = min(map(len, heard.values()))
        report.add(Finding("200/s to 10 subscribers", parts, note=f"no gap; each heard {fewest} or more, all live"))
        assert fewest > parts / 2, "they came too late to prove anything"


def whole(ids: list[int], newest: int) -> bool:
    """Every one since shortly after the first (live ones come as they end, not by their ids)."""
    first = ids[0] + 20 if ids else newest
    return sum(message_id >= first for message_id in ids) == newest + 1 - first


class Highest:
    """By how much a process' memory has grown at most, while this is entered."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before_mb = self._highest_mb = rss_mb(pid)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Highest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def growth_mb(self) -> float:
        return self._highest_mb - self._before_mb

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            self._highest_mb = max(self._highest_mb, rss_mb(self._pid))
