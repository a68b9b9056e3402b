"""The replay endpoint over real sockets: all that can be asked for, and what becomes of those who only ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

from agent.event import Event
from agent.inspection import Defect, FrameStats, Inspection, Judgement, Reason, Verdict
from agent.journal.history import SELECT_BY_IDS, open_reader, requested_ids, to_event_message, to_message
from agent.messages import EventMessage, ReplayReply, ReplayRequest, ResultMessage
from agent.plc.decision import Decision
from tests.results.outlet import Outlet
from tests.results.records import closed, inspect, trigger

PATIENCE_MS = 20_000


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet(tmp_path / "journal.sqlite")
    yield outlet
    outlet.stop()


@contextmanager
def client(outlet: Outlet, kind: int = zmq.REQ, **options: int) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(kind) as socket:
        for name, value in ({"LINGER": 0} | options).items():
            socket.setsockopt(getattr(zmq, name), value)
        socket.connect(outlet.endpoints.replay)
        yield socket


def ask(outlet: Outlet, **request: Any) -> tuple[ReplayReply, list[bytes]]:
    with client(outlet) as socket:
        socket.send_json(request)
        assert socket.poll(PATIENCE_MS), "no answer at all"
        header, *messages = socket.recv_multipart()
    reply = ReplayReply.model_validate_json(header)
    assert reply.count == len(messages)
    return reply, messages


def ids(messages: list[bytes]) -> list[int]:
    return [ResultMessage.model_validate_json(message).message_id for message in messages]


def inspect_a_bad_part(outlet: Outlet, seq: int) -> None:
    """All that a row can say, with quotes, line ends and other letters in it."""
    found = Defect('Lunker "größer"\n', 1 / 3, 2.5, 2 / 3, 10.1, 20.2, True)
    judged = Judgement(Verdict.REJECT, Reason.DEFECT, (found, found), peak_scores={"crack": 0.1 / 3}, margin=0.1 / 3)
    stages_ms = {"grab": 3.1, "run": 7.25}
    seen = Inspection(trigger(seq), judged, stages_ms, 0, None, FrameStats(101.1 / 3, 1e5 / 7))
    decided = Decision(seen.trigger, Verdict.REJECT, Reason.DEFECT, seen.trigger.seen_ns, "why\n→", seen)
    outlet.journal.commit(decided)
    outlet.journal.complete(closed(decided))


def test_a_replay_says_to_the_letter_what_was_said_live(outlet: Outlet) -> None:
    """SQLite makes the one, Python the other; no field may be missing in either."""
    inspect_a_bad_part(outlet, 1)
    inspect(outlet.journal, 2, verdict=Verdict.NO_DECISION)
    outlet.journal.record(Event("command", "pause", 'for "cleaning"\n', "Z. Åström"))
    inspect(outlet.journal, 3)
    for kind, model, made in (("result", ResultMessage, to_message), ("event", EventMessage, to_event_message)):
        history = open_reader(outlet.path)
        asked = json.dumps(requested_ids(history, ReplayRequest.model_validate({"kind": kind})))
        rows = history.execute(SELECT_BY_IDS[kind], {"ids": asked}).fetchall()
        live = [made(row, "line1", "cam1") for row in rows]
        history.close()
        replayed = ask(outlet, kind=kind)[1]
        assert [model.model_validate_json(message) for message in replayed] == live
        assert [json.loads(message).keys() for message in replayed] == [json.loads(m.to_bytes()).keys() for m in live]
        assert live


def test_all_that_can_be_asked_for(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 11))
    outlet.journal.record(Event("alarm", "DRIFT"))
    inspect(outlet.journal, 11)
    whole = [ResultMessage.model_validate_json(message) for message in ask(outlet)[1]]
    begin, end = whole[3].decided_utc, whole[8].decided_utc
    within = [message.message_id for message in whole if begin <= message.decided_utc < end]
    assert ids(ask(outlet, since=4)[1]) == list(range(5, 12))
    assert ids(ask(outlet, since=4, limit=2)[1]) == [5, 6]
    assert ids(ask(outlet, last=3)[1]) == [9, 10, 11]
    assert ids(ask(outlet, from_utc=begin, to_utc=end)[1]) == within
    reply, events = ask(outlet, kind="event", last=1)
    assert EventMessage.model_validate_json(events[0]).what == "DRIFT"
    assert reply.last_message_id == EventMessage.model_validate_json(events[0]).event_id


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"since": -1}, "'since' should be greater than or equal to 0"),
        ({"sinse": 4}, "unknown field 'sinse' (did you mean 'since'?)"),
        ({"kind": "image"}, "'kind' should be 'result' or 'event'"),
        ({"from_utc": "yesterday"}, "from_utc 'yesterday' is no time: give ISO 8601"),
        ({"since": 2**63}, "'since' should be less than or equal to 9223372036854775807"),
        ({"from_utc": "0001-01-01T00:00:00+14:00"}, "from_utc '0001-01-01T00:00:00+14:00' lies beyond the calendar"),
        ({"to_utc": "9999-12-31T23:59:59-14:00"}, "to_utc '9999-12-31T23:59:59-14:00' lies beyond the calendar"),
    ],
)
def test_a_refusal_says_why(outlet: Outlet, request_: dict[str, Any], why: str) -> None:
    reply, messages = ask(outlet, **request_)
    assert why in reply.error
    assert not messages


def test_an_answer_is_bounded_in_bytes(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever goes on from its last one gets the rest; a single row comes however long it is."""
    inspect(outlet.journal, *range(1, 11))
    row_bytes = len(ask(outlet, limit=1)[1][0])
    monkeypatch.setattr("agent.results.history_server.ANSWER_BYTES", 4 * row_bytes)
    assert ids(ask(outlet)[1]) in ([1, 2, 3], [1, 2, 3, 4])
    assert ids(ask(outlet, last=8)[1])[-1] == 10
    monkeypatch.setattr("agent.results.history_server.ANSWER_BYTES", 1)
    assert ids(ask(outlet, since=6)[1]) == [7]


def test_who_asks_and_never_reads_gets_no_more_and_the_others_are_served(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 1001))
    with client(outlet, zmq.DEALER, RCVHWM=1, RCVBUF=4096) as deaf:
        for _ in range(20):
            deaf.send_multipart([b"", b'{"limit": 1000}'])
        assert ids(ask(outlet, since=998)[1]) == [999, 1000]
        while not outlet.history.dropped:
            assert len(ask(outlet, last=1)[1]) == 1
    assert len(ask(outlet, limit=1000)[1]) == 1000


def test_a_journal_that_cannot_be_read_for_a_while(outlet: Outlet) -> None:
    """It is moved away, what takes its place is no journal, then all is as before."""
    inspect(outlet.journal, 1, 2)
    assert ids(ask(outlet)[1]) == [1, 2]
    aside = outlet.path.with_name("aside")
    outlet.path.rename(aside)
    assert ask(outlet)[0].error == "the journal cannot be read now: ask again"
    outlet.path.mkdir()
    assert ask(outlet)[0].error == "the journal cannot be read now: ask again"
    outlet.path.rmdir()
    aside.rename(outlet.path)
    assert ids(ask(outlet)[1]) == [1, 2]
