"""The link without a PLC: exactly one row a part, in time or NO_DECISION; and the streams that announce parts to it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.cameras.every_frame import MAX_MISCOUNTS, MOST_LOST, EveryFrame
from agent.cameras.inbox import Inbox
from agent.cameras.stream import StreamCamera
from agent.errors import Fault, NoDecision
from agent.health import Health, Stage, slept_ns
from agent.inspection import Frame, Reason, Trigger, Verdict
from agent.journal.journal import Journal
from agent.plc.decision import Decision
from agent.setup import Setup
from agent.standalone.link import MOST_WAITING, StandaloneLink
from agent.standalone.timer import Timer
from tests.results.records import identity, rows_of
from tests.waiting import PATIENCE_S, wait_until

SHORT_MS, LONG_MS = 300.0, 20_000.0
IDLE = Health((Stage("loop", 1e6),))


class Line:
    """A link that is READY, on a journal of its own."""

    def __init__(self, path: Path, deadline_ms: float = LONG_MS, health: Health = IDLE, wait_ms: float = 5000,
                 required: bool = False, recipes: tuple[int, ...] = (1,)) -> None:  # fmt: skip
        self.path = path / "journal.sqlite"
        who = replace(identity(agent_epoch=7), setup=Setup(recipes={job: (f"tile{job}", "cd" * 32) for job in recipes}))
        self.journal = Journal(self.path, who, wait_ms, required)
        self.link = StandaloneLink(7, 1, deadline_ms, self.journal, health, lambda: "")
        self.stop = threading.Event()
        self._triggers = self.link.triggers(self.stop)
        assert self.link.announce(time.monotonic_ns()) is None, "what comes before READY is no part"
        self.link.set_ready()

    def next(self) -> Trigger | None:
        return next(self._triggers)

    def judge(self, trigger: Trigger, verdict: Verdict = Verdict.PASS) -> bool:
        return self.link.deliver(Decision(trigger, verdict, Reason.OK, time.monotonic_ns()))

    def end(self) -> list[tuple[object, ...]]:
        """Close; (seq, verdict, reason, late verdict) of every row, each of them complete."""
        self.link.close()
        self.journal.close()
        assert all(row["completed"] and row["plc_epoch"] == 7 and row["job"] == 1 for row in rows_of(self.path))
        names = ("trigger_seq", "verdict", "reason", "late_verdict")
        return [tuple(row[name] for name in names) for row in rows_of(self.path)]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def hurried(tmp_path: Path) -> Line:
    return Line(tmp_path, SHORT_MS)


def announced(line: Line, parts: int = 1) -> None:
    for _ in range(parts):
        line.link.announce(time.monotonic_ns())


def test_a_verdict_in_time_is_the_parts_only_row(line: Line) -> None:
    announced(line, 3)
    for verdict in (Verdict.PASS, Verdict.REJECT, Verdict.NO_DECISION):
        trigger = line.next()
        assert trigger
        assert line.judge(trigger, verdict)
    assert [row[:2] for row in line.end()] == [(1, "pass"), (2, "reject"), (3, "no_decision")]


def test_a_slow_verdict_is_recorded_as_late_and_changes_nothing(hurried: Line) -> None:
    announced(hurried)
    trigger = hurried.next()
    assert trigger
    time.sleep(1.2 * SHORT_MS / 1000)
    assert not hurried.judge(trigger)
    assert hurried.end() == [(1, "no_decision", "deadline", "pass")]


def test_a_verdict_at_its_deadline_is_late_even_if_nobody_has_looked_yet(line: Line) -> None:
    announced(line)
    trigger = line.next()
    assert trigger
    assert not line.link.deliver(Decision(trigger, Verdict.REJECT, Reason.DEFECT, trigger.deadline_ns))
    assert line.end() == [(1, "no_decision", "deadline", "reject")]


def test_a_part_that_nobody_comes_to_is_settled_at_its_deadline(hurried: Line) -> None:
    announced(hurried)
    wait_until(lambda: rows_of(hurried.path))
    assert hurried.end() == [(1, "no_decision", "deadline", None)]


def test_a_part_whose_deadline_passes_while_it_waits_is_not_begun(hurried: Line) -> None:
    announced(hurried, 2)
    first = hurried.next()
    assert first
    time.sleep(1.2 * SHORT_MS / 1000)
    hurried.judge(first)
    announced(hurried)
    assert hurried.next() is None, "the loop comes round for the second: it does not hang"
    third = hurried.next()
    assert third
    assert third.seq == 3
    hurried.judge(third)
    assert sorted(hurried.end()) == [
        (1, "no_decision", "deadline", "pass"),
        (2, "no_decision", "deadline", None),
        (3, "pass", "ok", None),
    ]


def test_more_than_can_wait_are_no_decision_at_once_and_asking_is_refused(line: Line) -> None:
    announced(line, MOST_WAITING)
    with pytest.raises(Fault, match="busy"):
        line.link.ask()
    announced(line)
    rows = line.end()
    assert (MOST_WAITING + 1, "no_decision", "ring_overrun", None) in rows
    assert len(rows) == MOST_WAITING + 1, "the refused asking is no part"


def test_what_waits_when_the_station_stops_is_no_decision(line: Line) -> None:
    announced(line, 2)
    assert line.next()
    assert line.end() == [(1, "no_decision", "offline", None), (2, "no_decision", "offline", None)]
    with pytest.raises(Fault, match="not READY"):
        line.link.ask()


def test_a_challenge_is_the_next_part_that_is_inspected(line: Line) -> None:
    line.link.operator.challenge_next()
    line.link.missed(time.monotonic_ns(), Reason.FRAME_TIMEOUT, "never arrived")
    announced(line)
    trigger = line.next()
    assert trigger
    assert trigger.challenge
    line.judge(trigger)
    assert line.link.situation().status == ("STANDALONE", "READY")
    assert line.link.situation().alarms == ("CHALLENGE_PASSED",)
    assert [row[1:3] for row in line.end()] == [("no_decision", "frame_timeout"), ("reject", "challenge")]


def test_while_paused_there_are_no_parts_and_those_under_way_are_finished(line: Line) -> None:
    announced(line, 2)
    under_way = line.next()
    line.link.operator.pause("R. Diaz")
    announced(line, 3)
    line.link.missed(time.monotonic_ns(), Reason.FRAME_TIMEOUT, "never arrived")
    assert line.link.situation().status == ("STANDALONE",), "not READY"
    with pytest.raises(Fault, match=r"paused by R\. Diaz: linegate resume"):
        line.link.ask()
    waited = line.next()
    assert under_way
    assert waited
    assert line.judge(under_way)
    assert line.judge(waited)
    line.link.operator.resume()
    announced(line)
    after = line.next()
    assert after
    assert line.judge(after)
    assert [row[:2] for row in line.end()] == [(1, "pass"), (2, "pass"), (3, "pass")]


def test_a_part_that_was_there_before_the_recipe_changed_is_not_inspected(tmp_path: Path) -> None:
    line = Line(tmp_path, recipes=(1, 2))
    announced(line)
    before = time.monotonic_ns()
    line.link.operator.select_job(2)
    assert line.link.announce(before) is None
    announced(line)
    jobs = [trigger.job for _ in range(2) if (trigger := line.next()) and line.judge(trigger)]
    assert jobs == [1, 2], "each by the recipe of its trigger"
    line.link.close()
    line.journal.close()
    assert [(row["job"], row["reason"]) for row in sorted(rows_of(line.path), key=lambda row: row["trigger_seq"])] == [
        (1, "ok"), (2, "job_change"), (2, "ok"),
    ]  # fmt: skip


def test_no_row_on_disk_in_time_is_no_decision_where_the_journal_is_required(tmp_path: Path) -> None:
    line = Line(tmp_path, wait_ms=1e-6, required=True)
    held = threading.Event()
    line.journal._queue.put(lambda: held.wait(10) and None)
    announced(line)
    trigger = line.next()
    assert trigger
    line.judge(trigger)
    held.set()
    assert line.end() == [(1, "no_decision", "journal", None)]


def test_a_hung_stage_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exits = list[int]()
    monkeypatch.setattr("agent.log.last_words.os._exit", exits.append)
    hung = Stage("segment", budget_ms=-2000)
    line = Line(tmp_path, health=Health((hung,)))
    with hung.busy():
        assert line.link.situation().status == ("STANDALONE",), "not READY"
        wait_until(lambda: exits)
    assert exits[0] == 1
    line.end()


def test_a_computer_that_has_slept_ends_the_process(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLOCK_MONOTONIC has stood still: nobody knows how old a part is. (tests/faults/test_clock_steps.py: whole.)"""
    exits = list[int]()
    monkeypatch.setattr("agent.log.last_words.os._exit", exits.append)
    woken_ns = slept_ns() + 20_000_000
    monkeypatch.setattr("agent.health.slept_ns", lambda: woken_ns)
    wait_until(lambda: exits)
    assert exits[0] == 1
    line.end()


def test_what_is_delivered_after_a_sleep_is_no_pass_even_if_nobody_has_looked_yet(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(code: int) -> None:
        raise SystemExit(code)

    announced(line)
    trigger = line.next()
    assert trigger
    line.link._worker.close(PATIENCE_S)  # its next look is yet to come
    monkeypatch.setattr("agent.log.last_words.os._exit", end)
    woken_ns = slept_ns() + 20_000_000
    monkeypatch.setattr("agent.health.slept_ns", lambda: woken_ns)
    with pytest.raises(SystemExit):
        line.judge(trigger)
    assert [row[1] for row in line.end()] == ["no_decision"]


def test_a_late_tick_is_still_a_part_and_the_grid_does_not_drift() -> None:
    ticks = list[int]()

    def announce(at_ns: int) -> None:
        ticks.append(at_ns)
        if len(ticks) == 2:
            time.sleep(0.035)

    timer = Timer(10, announce)
    wait_until(lambda: len(ticks) >= 8)
    timer.close()
    assert {after - before for before, after in itertools.pairwise(ticks)} == {10_000_000}


# --- streams ---------------------------------------------------------------------------------------------------------


class Feed:
    """A driver whose frames come from the test."""

    simulated = True

    def start(self, inbox: Inbox) -> None:
        self.inbox = inbox

    def fire(self) -> None:
        """It runs free."""

    def check(self) -> None:
        """It is never lost."""

    def close(self) -> None:
        """Nothing is held open."""


def frame(frame_id: int) -> Frame:
    return Frame(np.full((4, 4), frame_id % 256, np.uint8), frame_id, time.monotonic_ns())


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def camera(feed: Feed, line: Line) -> Iterator[StreamCamera]:
    camera = StreamCamera(feed, EveryFrame())
    camera.announce_to(line.link)
    yield camera
    camera.close()


def test_a_trigger_gets_the_very_frame_that_made_it(feed: Feed, camera: StreamCamera, line: Line) -> None:
    frames = [frame(number) for number in range(1, 6)]
    for each in frames:
        feed.inbox.put(each)
    triggers = [line.next() for _ in frames]
    for trigger, each in list(zip(triggers, frames, strict=True))[2:]:  # nobody asked for the first two
        assert trigger
        assert camera.grab(trigger) is each
        assert trigger.latest_ns == each.captured_ns
        line.judge(trigger)
    with pytest.raises(NoDecision):
        camera.grab(triggers[-1])
    assert [row[:2] for row in line.end()][:3] == [(3, "pass"), (4, "pass"), (5, "pass")]


def test_a_frame_that_never_came_was_a_part(feed: Feed, camera: StreamCamera, line: Line) -> None:
    for number in (10, 13, 13):
        feed.inbox.put(frame(number))
    judged = [trigger for _ in range(2) if (trigger := line.next()) and line.judge(trigger)]
    assert [trigger.seq for trigger in judged] == [1, 4]
    wait_until(lambda: line.link._parts == 5)
    assert sorted(line.end()) == [
        (1, "pass", "ok", None),
        (2, "no_decision", "frame_timeout", None),
        (3, "no_decision", "frame_timeout", None),
        (4, "pass", "ok", None),
        (5, "no_decision", "frame_mismatch", None),
    ]


def lose_many(feed: Feed) -> None:
    feed.inbox.put(frame(1))
    feed.inbox.put(frame(MOST_LOST + 3))


def count_backwards(feed: Feed) -> None:
    for number in range(MAX_MISCOUNTS + 1):
        feed.inbox.put(frame(10 - number))


@pytest.mark.parametrize("trouble", [lose_many, count_backwards])
def test_a_camera_whose_count_cannot_be_trusted_ends_the_station(
    feed: Feed, camera: StreamCamera, line: Line, trouble: Callable[[Feed], None]
) -> None:
    trouble(feed)

    def lost() -> bool:
        try:
            camera.check()
        except Fault:
            return True
        return False

    wait_until(lost)
    line.end()


def test_an_incomplete_frame_is_a_part_too() -> None:
    torn = replace(frame(1), complete=False)
    (part,) = EveryFrame().see(torn)
    assert part.frame is torn, "the view refuses it: NO_DECISION"
