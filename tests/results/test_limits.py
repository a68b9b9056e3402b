"""What peers may cost a publisher: floods, those who do not read, and a queue that is behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import islice
from pathlib import Path

import pytest
import zmq

from agent.inspection import Frame, Image, Inspection, Judgement, Reason, Verdict
from agent.local_line import free_port
from agent.messages import ResultMessage
from agent.plc.decision import Closed, Decision
from agent.results.live_images import Payload
from agent.subscriber.subscriber import history, subscribe_status
from tests.faults import bad_peers
from tests.faults.pictured_station import NOISE
from tests.results.outlet import Outlet
from tests.results.records import closed, inspect, trigger
from tests.waiting import PATIENCE_S, wait_until


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet(tmp_path / "journal.sqlite")
    yield outlet
    outlet.stop()


def ports(outlet: Outlet) -> tuple[int, int]:
    results, replay = (
        int(endpoint.rpartition(":")[2]) for endpoint in (outlet.endpoints.results, outlet.endpoints.replay)
    )
    return results, replay


@pytest.fixture
def live(outlet: Outlet) -> Iterator[zmq.Socket[bytes]]:
    """An honest subscriber, who has heard the pulse."""
    with zmq.Context() as context, context.socket(zmq.SUB) as live:
        live.setsockopt(zmq.LINGER, 0)
        live.subscribe(b"insp/")
        live.connect(outlet.endpoints.results)
        assert live.poll(PATIENCE_S * 1000)
        yield live


def heard(live: zmq.Socket[bytes], count: int) -> list[ResultMessage]:
    """The next results."""
    results: list[ResultMessage] = []
    while len(results) < count:
        assert live.poll(PATIENCE_S * 1000), "nothing comes any more"
        head, header = live.recv_multipart()[:2]
        if head.endswith(b"/result/"):
            results.append(ResultMessage.model_validate_json(header))
    return results


def pictured(seq: int, image: Image = NOISE) -> tuple[Decision, Closed]:
    """A reject with its photo."""
    seen = Inspection(trigger(seq), Judgement(Verdict.REJECT, Reason.DEFECT), {}, 0, Frame(image, seq, 0))
    decided = Decision(seen.trigger, Verdict.REJECT, Reason.DEFECT, seen.trigger.seen_ns, evidence=seen)
    return decided, closed(decided)


def inspect_pictured(outlet: Outlet, *seqs: int) -> None:
    for seq in seqs:
        decided, ended = pictured(seq)
        outlet.journal.commit(decided)
        outlet.journal.complete(ended)


# --- the hostile -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("misbehave", [kind for kind in bad_peers.HOSTILE if kind is not bad_peers.half_a_handshake])
def test_a_hostile_peer_is_put_out_and_the_others_stay(
    outlet: Outlet, live: zmq.Socket[bytes], misbehave: bad_peers.Misbehaviour
) -> None:
    with suppress(OSError):
        misbehave(*ports(outlet))  # until it cannot send any more
    inspect(outlet.journal, 1)
    assert [message.message_id for message in heard(live, 1)] == [1]
    assert [message.message_id for message in history(outlet.endpoints.replay)] == [1]


def test_so_many_peers_and_no_more(outlet: Outlet, live: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.results.flood_guard.MOST_PEERS", 5)
    peers = [socket.create_connection(("127.0.0.1", ports(outlet)[0])) for _ in range(8)]
    wait_until(lambda: outlet.sockets.guard.put_out_count >= 4, "those that are too many are put out")
    inspect(outlet.journal, 1)
    assert heard(live, 1), "who was there first stays"
    for peer in peers:
        peer.close()


STATION = """
import resource, sys, zmq
from agent.results.endpoints import Endpoints
from agent.results_config import PublisherConfig
from agent.service import exit_when_a_thread_dies
exit_when_a_thread_dies()
router = Endpoints(PublisherConfig(replay=f"tcp://127.0.0.1:{sys.argv[1]}")).bind(zmq.ROUTER, "replay")
resource.setrlimit(resource.RLIMIT_NOFILE, (150, 150))
print("bound", flush=True)
sys.stdin.read(1)
while router.poll(300):
    router.recv_multipart()
print("alive", flush=True)
"""


@contextmanager
def station_that_lives() -> Iterator[int]:
    """A process with a ROUTER at the port; in the end it must have lived."""
    port = free_port()
    command = [sys.executable, "-c", STATION, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as station:
        assert station.stdin is not None
        assert station.stdout is not None
        assert station.stdout.readline() == b"bound\n"
        yield port
        said = station.communicate(b"!", timeout=PATIENCE_S)[0]
        assert (said, station.returncode) == (b"alive\n", 0)


def test_a_peer_that_floods_pings_and_resets_does_not_end_the_process() -> None:
    """libzmq 4.3.5 aborts where it has stopped reading from such a peer."""
    with station_that_lives() as port:
        for messages in (5, 10, 70, 110, 1010):  # beyond limits that one might set
            bad_peers.floods_pings_and_resets(port, messages)


def test_more_peers_than_files_can_be_opened_do_not_end_the_process() -> None:
    """At most MOST_PEERS stay: the next one that asks gets in."""
    with station_that_lives() as port, ExitStack() as opened:
        for _ in range(300):
            opened.enter_context(socket.create_connection(("127.0.0.1", port)))
        with closing(bad_peers.connect(port, b"DEALER")) as late:
            late.sendall(bad_peers.frame(b"?"))


# --- those that do not read ------------------------------------------------------------------------------------------


def test_fifty_that_never_read_do_not_hold_up_the_end(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path / "journal.sqlite")
    peers = [bad_peers.connect(ports(outlet)[0], b"SUB") for _ in range(50)]
    for peer in peers:
        peer.sendall(bad_peers.frame(bad_peers.SUBSCRIBE_ALL))
    inspect_pictured(outlet, *range(1, 21))
    ending = threading.Thread(target=outlet.stop, daemon=True)
    ending.start()
    ending.join(PATIENCE_S)
    assert not ending.is_alive(), "it hangs"
    for peer in peers:
        peer.close()


def test_while_too_many_bytes_wait_for_slow_peers_results_go_without_images(
    outlet: Outlet, live: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.results.live_images.UNDER_WAY_BYTES", 1_000_000)
    deaf = bad_peers.connect(ports(outlet)[0], b"SUB")
    deaf.sendall(bad_peers.frame(bad_peers.SUBSCRIBE_ALL))
    said = b""
    while b"/status/" not in said:  # it is subscribed; now it reads no more
        byte = deaf.recv(1)
        assert byte, "it has been put out"
        said += byte
    inspect_pictured(outlet, *range(1, 31))
    parts = [len(message.parts) for message in heard(live, 30)]
    assert parts[0] == 1
    assert parts[-1] == 0
    deaf.close()

    def pictured_again() -> bool:
        inspect_pictured(outlet, 31)
        return bool(heard(live, 1)[0].parts)

    wait_until(pictured_again, "images come again")


# --- a publisher that is behind --------------------------------------------------------------------------------------


@pytest.fixture
def held(outlet: Outlet, live: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The publisher stands at the image of part 1 until this is set."""
    stands, go_on = threading.Event(), threading.Event()
    encode = outlet.publisher._images.encode

    def encode_later(seen: Inspection) -> Payload:
        stands.set()
        assert go_on.wait(PATIENCE_S)
        return encode(seen)

    monkeypatch.setattr(outlet.publisher._images, "encode", encode_later)
    inspect_pictured(outlet, 1)
    assert stands.wait(PATIENCE_S)
    yield go_on
    go_on.set()


def test_who_is_behind_leaves_out_images_first(
    outlet: Outlet, live: zmq.Socket[bytes], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.results.publisher.QUEUED_IMAGE_BYTES", 3 * NOISE.nbytes)
    inspect_pictured(outlet, *range(2, 11))
    inspect(outlet.journal, 11)  # all are with the publisher
    held.set()
    messages = heard(live, 11)
    assert [message.message_id for message in messages] == list(range(1, 12))
    assert [len(message.parts) for message in messages] == [1] * 4 + [0] * 7


def test_then_the_oldest_messages_and_counts_them(
    outlet: Outlet, live: zmq.Socket[bytes], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.results.publisher.QUEUE_LIMIT", 3)
    inspect(outlet.journal, *range(2, 11))
    held.set()
    assert [message.message_id for message in heard(live, 4)] == [1, 8, 9, 10]
    assert outlet.publisher.dropped == 6
    assert len(list(history(outlet.endpoints.replay))) == 10


# --- the pulse -------------------------------------------------------------------------------------------------------


def test_the_pulse_comes_though_there_is_always_more_to_send(
    outlet: Outlet, live: zmq.Socket[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part is completed while the photo of the one before is encoded, and so on: the queue is never empty."""
    inspect_pictured(outlet, 1)
    (message,), (_, ended) = heard(live, 1), pictured(1)
    encode, over = outlet.publisher._images.encode, threading.Event()

    def encode_meanwhile(seen: Inspection) -> Payload:
        if not over.is_set():
            outlet.publisher.publish(message, ended)
        return encode(seen)

    monkeypatch.setattr(outlet.publisher._images, "encode", encode_meanwhile)
    outlet.publisher.publish(message, ended)
    pulses, results, end_s = 0, 0, time.monotonic() + PATIENCE_S
    try:
        while pulses < 2:
            assert live.poll(PATIENCE_S * 1000), "nothing comes any more"
            head = live.recv_multipart()[0]
            pulses, results = pulses + head.endswith(b"/status/"), results + head.endswith(b"/result/")
            assert time.monotonic() < end_s, "no pulse comes, only results"
    finally:
        over.set()
    assert results > 10, "parts go on beside it"


def test_whoever_comes_is_told_at_once_how_the_station_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second, too, and with what has happened since the last pulse."""
    monkeypatch.setattr("agent.results.publisher.STATUS_S", 3600)
    outlet = Outlet(tmp_path / "journal.sqlite")
    for number in (1, 2):
        inspect(outlet.journal, number)
        with closing(subscribe_status(outlet.endpoints.results)) as pulses:  # type: ignore[type-var]
            assert [pulse.last_message_id for pulse in islice(pulses, 1)] == [number]
    outlet.stop()
