"""Results over real sockets: no subscriber misses one, and the messages stay readable for old programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
import zmq
from pydantic import ValidationError

from agent.errors import ConfigError, Fault
from agent.inspection import Frame, Inspection, Judgement, Reason, Verdict
from agent.journal.journal import Journal
from agent.local_line import free_port
from agent.messages import MAJOR, ReplayReply, ResultMessage, topic
from agent.monitor.pulse import Pulse
from agent.plc.decision import Decision
from agent.raised import Raised
from agent.results.endpoints import Endpoints
from agent.results.history_server import HistoryServer
from agent.results.publisher import Publisher
from agent.results_config import PublisherConfig
from agent.schemas import SCHEMAS, json_schema
from agent.subscriber.subscriber import history
from tests.conftest import ROOT
from tests.results.outlet import Outlet
from tests.results.records import closed, decision, identity, inspect, rows_of, trigger
from tests.waiting import PATIENCE_S, local_ports, newest_pulse

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet(tmp_path / "journal.sqlite")
    yield outlet
    outlet.stop()


def ids(messages: list[ResultMessage]) -> list[int]:
    return [message.message_id for message in messages]


def test_a_subscriber_that_comes_late_misses_nothing(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 31))
    wait = outlet.subscribe(60)
    inspect(outlet.journal, *range(31, 61))
    assert ids(wait()) == list(range(1, 61))


def test_a_subscriber_goes_on_after_the_message_it_names(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 11))
    assert ids(outlet.subscribe(4, since=6)()) == [7, 8, 9, 10]


def test_a_history_longer_than_one_answer_arrives_whole(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 1203))
    assert ids(outlet.subscribe(1202)()) == list(range(1, 1203))


def test_live_messages_that_overflow_come_from_the_journal(outlet: Outlet) -> None:
    wait = outlet.subscribe(40)
    outlet.drop_every_second()
    inspect(outlet.journal, *range(1, 41))
    assert ids(wait()) == list(range(1, 41))


def test_a_restart_of_the_publisher_loses_nothing(outlet: Outlet) -> None:
    wait = outlet.subscribe(30)
    inspect(outlet.journal, *range(1, 11))
    outlet.stop()
    outlet.start()
    inspect(outlet.journal, *range(11, 31))
    messages = wait()
    assert ids(messages) == list(range(1, 31))
    assert {message.agent_epoch for message in messages} == {1, 2}


def test_rows_completed_out_of_order_arrive_in_order_each_once(outlet: Outlet) -> None:
    """A refused trigger is recorded before an earlier one that is still with the station."""
    wait = outlet.subscribe(4)
    first, second, third = decision(1), decision(2), decision(3)
    for decided in (second, first, third):
        outlet.journal.commit(decided)
    for decided in (first, second, third):
        outlet.journal.complete(closed(decided))
    inspect(outlet.journal, 4)
    messages = wait()
    assert ids(messages) == [1, 2, 3, 4]
    assert [message.trigger_seq for message in messages] == [2, 1, 3, 4]


def test_nothing_that_is_still_open_is_replayed(outlet: Outlet) -> None:
    inspect(outlet.journal, 1)
    outlet.journal.commit(decision(2))
    inspect(outlet.journal, 3)
    assert ids(list(history(outlet.endpoints.replay))) == [1]


def test_live_and_replayed_messages_say_the_same(outlet: Outlet) -> None:
    with subscribed(outlet) as live:
        inspect(outlet.journal, 1, 2, 3)
        told = [ResultMessage.model_validate_json(received(live, "result")[1]) for _ in range(3)]
    without_images = [message.model_copy(update={"parts": []}) for message in told]
    assert without_images == list(history(outlet.endpoints.replay))


@contextmanager
def subscribed(outlet: Outlet) -> Iterator[zmq.Socket[bytes]]:
    """A bare subscriber, who has heard the pulse: what is published from now on reaches it."""
    with zmq.Context() as context, context.socket(zmq.SUB) as live:
        live.setsockopt(zmq.LINGER, 0)
        for kind in ("result", "status"):
            live.subscribe(topic("line1", "cam1", kind).encode())
        live.connect(outlet.endpoints.results)
        received(live, "status")
        yield live


def received(live: zmq.Socket[bytes], kind: str) -> list[bytes]:
    """The next message of this kind."""
    while True:
        assert live.poll(PATIENCE_S * 1000), f"no {kind} comes"
        message = live.recv_multipart()
        if message[0] == topic("line1", "cam1", kind).encode():
            return message


def test_the_wire_carries_topic_header_and_the_named_payload(outlet: Outlet) -> None:
    image = np.full((20, 30), 90, np.uint8)
    seen = Inspection(
        trigger(1),
        Judgement(Verdict.REJECT, Reason.DEFECT),
        {"run": 1.0},
        0,
        Frame(image, 1, 0),
        mask=lambda: image // 90,
    )
    decided = Decision(seen.trigger, Verdict.REJECT, Reason.DEFECT, time.monotonic_ns(), evidence=seen)
    with subscribed(outlet) as live:
        outlet.journal.commit(decided)
        outlet.journal.complete(closed(decided))
        head, header, photo, mask = received(live, "result")
    message = ResultMessage.model_validate_json(header)
    assert head == b"insp/1/line1/cam1/result/"
    assert [(part.name, part.nbytes) for part in message.parts] == [
        ("frame", len(photo)),
        ("mask", len(mask)),
    ]
    assert cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_UNCHANGED).shape == (20, 30)
    assert (cv2.imdecode(np.frombuffer(mask, np.uint8), cv2.IMREAD_UNCHANGED) == 1).all()


def test_the_pulse_tells_how_far_the_record_goes(outlet: Outlet) -> None:
    inspect(outlet.journal, 1, 2)
    status = newest_pulse(outlet.endpoints.results)
    assert (status.agent_epoch, status.last_message_id) == (1, 2)


@pytest.mark.parametrize(
    "request_frames", [[b"not json"], [b'{"since": -1}'], [b'{"since": 0, "limit": 1000000}'], [b"\xff\xfe"], [b""]]
)
def test_a_request_that_makes_no_sense_is_refused_and_the_next_one_served(
    outlet: Outlet, request_frames: list[bytes]
) -> None:
    inspect(outlet.journal, 1)
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        client.setsockopt(zmq.LINGER, 0)
        client.connect(outlet.endpoints.replay)
        client.send_multipart(request_frames)
        assert client.poll(PATIENCE_S * 1000), "no answer at all"
        reply = ReplayReply.model_validate_json(client.recv_multipart()[0])
    assert reply.error
    assert (reply.count, reply.first_message_id, reply.last_message_id) == (0, 1, 1)
    assert ids(list(history(outlet.endpoints.replay))) == [1]


def test_what_is_published_after_close_stays_in_the_journal(outlet: Outlet) -> None:
    """The station closes its parts one by one: rows may still be completed when the publisher is gone."""
    outlet.stop_sockets()
    inspect(outlet.journal, 1, 2)
    outlet.journal.close()
    assert [row["completed"] for row in rows_of(outlet.path)] == [1, 1]
    outlet.start()


def open_both(config: PublisherConfig, journal: Journal) -> None:
    endpoints = Endpoints(config)
    with ExitStack() as opened:
        opened.callback(endpoints.close)
        beat = Pulse(identity(), journal, Raised()).beat
        opened.callback(Publisher(config, endpoints, identity(), beat).close)
        opened.callback(HistoryServer(endpoints, identity(), journal.path).close)


@pytest.mark.parametrize("which", ["results", "replay"])
def test_an_endpoint_in_use_is_one_clear_line(outlet: Outlet, which: str) -> None:
    other = local_ports().model_copy(update={which: getattr(outlet.endpoints, which)})
    with pytest.raises(ConfigError, match=rf"publisher\.{which} = .*in use.*choose another endpoint") as caught:
        open_both(other, outlet.journal)
    assert "\n" not in str(caught.value)


def test_nobody_at_the_replay_endpoint_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.subscriber.replay_client.REPLAY_TIMEOUT_MS", 100)
    with pytest.raises(Fault, match="no station answers"):
        list(history(f"tcp://127.0.0.1:{free_port()}"))


REQUESTS = {"insp.replay-1", "insp.control-1"}
"""Here a field that is not known is refused: what was asked for would not be what is done."""

# --- schemas ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schema_is_the_model(name: str) -> None:
    committed = json.loads((ROOT / "config" / "schemas" / f"{name}.json").read_text())
    assert committed == json_schema(name), f"write config/schemas/{name}.json anew, and count the minor version up"


@pytest.mark.parametrize("name", SCHEMAS)
def test_old_messages_keep_parsing_and_lose_nothing(name: str) -> None:
    for document in json.loads((GOLDEN / f"{name}.json").read_text()):
        read = SCHEMAS[name].model_validate(document)
        assert holds(read.model_dump(by_alias=True), document)


def holds(read: object, document: object) -> bool:
    """All of `document`; `read` may have more fields, at any depth."""
    if isinstance(document, dict) and isinstance(read, dict):
        return all(name in read and holds(read[name], value) for name, value in document.items())
    if isinstance(document, list) and isinstance(read, list):
        return len(read) == len(document) and all(map(holds, read, document))
    return read == document


@pytest.mark.parametrize("name", sorted(SCHEMAS.keys() - REQUESTS))
def test_fields_of_a_newer_minor_version_are_passed_over(name: str) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_text())[0]
    of_tomorrow = {"schema": document["schema"].rpartition(".")[0] + ".99"}
    newer = SCHEMAS[name].model_validate(document | of_tomorrow | {"new_field": 1})
    assert newer == SCHEMAS[name].model_validate(document | of_tomorrow)


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_a_request_with_a_field_that_is_not_known_is_refused(name: str) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_text())[0]
    with pytest.raises(ValidationError, match="new_field"):
        SCHEMAS[name].model_validate(document | {"new_field": 1})


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("other", ["insp.other/1.0", "{name}/2.0", "{name}/1.0x", ""])
def test_another_kind_or_major_version_is_refused(name: str, other: str) -> None:
    document = json.loads((GOLDEN / f"{name}.json").read_text())[0]
    other = other.format(name=name.removesuffix("-1"))
    with pytest.raises(ValidationError, match="schema"):
        SCHEMAS[name].model_validate(document | {"schema": other})


def test_line1_does_not_match_line10() -> None:
    subscription = f"insp/{MAJOR}/line1/"
    assert topic("line1", "cam1", "result").startswith(subscription)
    assert not topic("line10", "cam1", "result").startswith(subscription)
