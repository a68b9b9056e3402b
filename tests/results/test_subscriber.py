"""The subscriber outlives everything: its own death, the station's, the network's, and a journal exchanged under it."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice, pairwise
from pathlib import Path

import pytest
import zmq

from agent.benches.made_history import make_history
from agent.errors import ConfigError, Fault, UsageError
from agent.event import Event
from agent.inspection import Verdict
from agent.journal.ids import ids_beside
from agent.local_line import free_port
from agent.messages import EventMessage, ReplayReply, ResultMessage, StatusMessage, topic
from agent.results_config import PublisherConfig
from agent.subscriber.follower import Heard, Trouble
from agent.subscriber.position import Position
from agent.subscriber.sequencer import Seen
from agent.subscriber.subscriber import Break, follow, history, subscribe, subscribe_events
from tests.conftest import ROOT
from tests.faults.chaos_proxy import ChaosProxy
from tests.faults.sizes import sized
from tests.results.key_ring import KeyRing
from tests.results.outlet import Outlet
from tests.results.records import inspect, rows_of
from tests.results.short_lives import short_lives
from tests.waiting import PATIENCE_S, local_ports, wait_until


@pytest.fixture
def outlet(tmp_path: Path) -> Iterator[Outlet]:
    outlet = Outlet(tmp_path / "journal.sqlite")
    yield outlet
    outlet.stop()


class Listener:
    """Collects what a stream yields, in a thread."""

    def __init__(self, stream: Callable[[threading.Event], Iterator[Heard]]) -> None:
        self.heard: list[Heard] = []
        self.error: Exception | None = None
        self._stop = threading.Event()
        self._stream = stream
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def ids(self) -> list[int]:
        return [message.message_id for message in self.heard if isinstance(message, ResultMessage)]

    def told(self, *kinds: type) -> list[Heard]:
        return [heard for heard in self.heard if isinstance(heard, kinds)]

    def wait(self, met: Callable[[], object]) -> None:
        wait_until(lambda: self.error or met(), shown=lambda: f"heard only {self.heard[-5:]}")
        assert self.error is None, self.error

    def close(self) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "it does not stop"

    def _listen(self) -> None:
        try:
            for heard in self._stream(self._stop):
                self.heard.append(heard)
        except Exception as error:
            self.error = error


@contextmanager
def following(config: PublisherConfig, since: int | None = 0, patience_s: float = 3.0) -> Iterator[Listener]:
    """Everything that is heard of a station."""

    def stream(stop: threading.Event) -> Iterator[Heard]:
        return follow(config.results, config.replay, since, stop=stop, patience_s=patience_s)

    with closing(Listener(stream)) as listener:
        yield listener


# --- deaths ----------------------------------------------------------------------------------------------------------


@sized(("kills",), (20,), (200,))
def test_a_subscriber_that_is_killed_again_and_again_misses_nothing(tmp_path: Path, kills: int) -> None:
    """At least once: what it was just handling comes again, and no more than that."""
    book, rows = tmp_path / "book", 30 * kills
    make_history(tmp_path / "journal.sqlite", rows - 5 * kills)
    outlet = Outlet(tmp_path / "journal.sqlite")
    with closing_outlet(outlet), short_lives("subscriber", book, outlet.endpoints, kills):
        for seq in range(5 * kills):
            inspect(outlet.journal, seq)
        wait_until(lambda: book.exists() and book.read_text().endswith(f"\n{rows}\n"), f"all {rows} are booked")
    booked = [int(line) for line in book.read_text().splitlines()]
    assert set(booked) == set(range(1, rows + 1))
    again = [later for earlier, later in pairwise(booked) if later != earlier + 1]
    assert all(later == earlier for earlier, later in pairwise(booked) if later != earlier + 1)
    assert len(again) <= kills


@sized(("kills",), (4,), (200,))
def test_a_station_that_is_killed_while_it_answers_loses_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """In the middle of a long history, asked for in many small pieces, and of live results."""
    monkeypatch.setattr("agent.subscriber.sequencer.BATCH", 20)
    journal = tmp_path / "journal.sqlite"
    make_history(journal, 500 * kills)
    config = local_ports()
    with following(config) as listener, short_lives("station", journal, config, kills) as station:
        assert station.stdout
        assert station.stdout.readline() == b"done\n"
        numbers = [row["message_id"] for row in rows_of(journal)]
        listener.wait(lambda: len(listener.ids()) >= len(numbers))
    assert listener.ids() == numbers
    assert not listener.told(Break)
    lives = {message.agent_epoch for message in listener.told(StatusMessage)}
    assert len(lives) > 1, "it has followed one life of the station alone"


def test_a_station_that_is_not_there_yet_is_waited_for_and_said_once(tmp_path: Path) -> None:
    config = local_ports()
    with following(config, patience_s=0.2) as listener:
        listener.wait(lambda: listener.told(Trouble))
        time.sleep(0.5)
        assert str(listener.heard).count("no pulse") == 1
        with closing_outlet(Outlet(tmp_path / "journal.sqlite", config)) as outlet:
            inspect(outlet.journal, 1, 2)
            listener.wait(lambda: listener.ids() == [1, 2])


@contextmanager
def closing_outlet(outlet: Outlet) -> Iterator[Outlet]:
    """Stopped at the end."""
    try:
        yield outlet
    finally:
        outlet.stop()


def test_a_network_that_swallows_everything_is_outlived(outlet: Outlet, monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection breaks, nothing comes through any more: only the pulse is missed, and no answer comes."""
    monkeypatch.setattr("agent.subscriber.replay_client.REPLAY_TIMEOUT_MS", 300)
    monkeypatch.setattr("agent.results.publisher.STATUS_S", 0.1)
    proxies = {
        what: ChaosProxy(int(getattr(outlet.endpoints, what).rpartition(":")[2])) for what in ("results", "replay")
    }
    through = PublisherConfig(**{what: f"tcp://127.0.0.1:{proxy.port}" for what, proxy in proxies.items()})
    with following(through, patience_s=0.3) as listener:
        inspect(outlet.journal, 1)
        listener.wait(lambda: listener.ids() == [1])
        for proxy in proxies.values():
            proxy.inject("half_open")
        inspect(outlet.journal, *range(2, 30))
        listener.wait(lambda: len(listener.ids()) == 29)
    assert listener.ids() == list(range(1, 30))
    for proxy in proxies.values():
        proxy.close()


# --- journals that are not what they were ----------------------------------------------------------------------------


def test_a_journal_set_aside_is_said_once_and_gone_on_from(outlet: Outlet) -> None:
    """The station died with it: its ids go on beyond all that may have been given."""
    with following(outlet.endpoints) as listener:
        inspect(outlet.journal, 1, 2, 3)
        listener.wait(lambda: listener.ids() == [1, 2, 3])
        outlet.stop()
        outlet.path.write_bytes(b"not a database at all")
        given = ids_beside(outlet.path)
        given.write_text(json.dumps(json.loads(given.read_text()) | {"inspections": 10_000}))
        outlet.start()
        inspect(outlet.journal, 4, 5)
        listener.wait(lambda: len(listener.ids()) == 5)
    numbers = [int(str(row["message_id"])) for row in rows_of(outlet.path)]
    assert listener.ids() == [1, 2, 3, *numbers]
    (broken,) = [told for told in listener.told(Break) if told.kind == "result"]  # type: ignore[union-attr]
    assert broken == Break("result", 3, numbers[0], f"the station's journal begins at {numbers[0]}")


def test_what_retention_has_deleted_is_said_once(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 11))
    outlet.journal._writer._db.execute("DELETE FROM inspections WHERE message_id <= 6")
    with following(outlet.endpoints, since=2) as listener:
        listener.wait(lambda: listener.ids() == [7, 8, 9, 10])
        inspect(outlet.journal, 11)
        listener.wait(lambda: listener.ids() == [7, 8, 9, 10, 11])
    (broken,) = listener.told(Break)
    assert str(broken) == "results after 2 go on at 7, 3 to 6 are lost: the station's journal begins at 7"


def test_a_journal_from_a_backup_is_told_and_what_it_counts_anew_is_not_taken_for_seen(outlet: Outlet) -> None:
    """Without the file of the ids beside it 4 and 5 are given out twice: the second 4 and 5 are other parts."""
    with following(outlet.endpoints) as listener:
        inspect(outlet.journal, 1, 2, 3)
        outlet.stop()
        saved = shutil.copy(outlet.path, outlet.path.with_suffix(".saved"))
        outlet.start()
        inspect(outlet.journal, 4, 5)
        listener.wait(lambda: listener.ids() == [1, 2, 3, 4, 5])
        outlet.stop()
        shutil.copy(saved, outlet.path)
        ids_beside(outlet.path).unlink()
        outlet.start()
        inspect(outlet.journal, 6, 7, 8)
        listener.wait(lambda: len(listener.ids()) == 8)
    results = [message for message in listener.heard if isinstance(message, ResultMessage)]
    assert [message.trigger_seq for message in results] == list(range(1, 9))
    (broken,) = [told for told in listener.told(Break) if told.kind == "result"]  # type: ignore[union-attr]
    assert isinstance(broken, Break)
    assert broken.after == 5
    assert broken.next == results[5].message_id


# --- positions -------------------------------------------------------------------------------------------------------


def take(outlet: Outlet, position: Path, count: int, since: int | None = 0) -> list[int]:
    """Handle so many results, and one more half."""
    with closing(subscribe(outlet.endpoints.results, outlet.endpoints.replay, since, position=position)) as stream:  # type: ignore[type-var]
        return [message.message_id for message in islice(stream, count)]


def test_a_position_comes_before_since_and_moves_when_the_next_is_asked_for(outlet: Outlet, tmp_path: Path) -> None:
    inspect(outlet.journal, *range(1, 8))
    position = tmp_path / "position"
    assert take(outlet, position, 3) == [1, 2, 3]
    assert take(outlet, position, 3) == [3, 4, 5], "3 was being handled"


def test_from_now_on_is_a_position_too(outlet: Outlet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies before the first result; what came meanwhile is not lost."""
    monkeypatch.setattr("agent.results.publisher.STATUS_S", 0.1)
    inspect(outlet.journal, 1, 2)
    position = tmp_path / "position"
    with closing(follow(outlet.endpoints.results, outlet.endpoints.replay, position=position)) as stream:  # type: ignore[type-var]
        pulses = (heard for heard in stream if isinstance(heard, StatusMessage))
        assert len(list(islice(pulses, 2))) == 2
    inspect(outlet.journal, 3)
    assert take(outlet, position, 1, since=None) == [3]


def test_a_pulse_that_comes_with_the_results_does_not_move_the_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulse and answer lie there at once: what the subscriber has not been handed yet is not handled."""
    monkeypatch.setattr("agent.results.publisher.STATUS_S", 0.1)
    position, ports = tmp_path / "position", local_ports()
    stream = follow(ports.results, ports.replay, 0, position=position, patience_s=0.2)
    with closing(stream):  # type: ignore[type-var]
        assert isinstance(next(stream), Trouble), "the station is not there yet"
        outlet = Outlet(tmp_path / "journal.sqlite", ports)
        with closing_outlet(outlet):
            inspect(outlet.journal, 1, 2)
            time.sleep(1.0)  # both have reconnected, and nobody looks
            first = next(heard for heard in stream if isinstance(heard, ResultMessage))
            assert first.message_id == 1
            stream.close()  # type: ignore[attr-defined]
            assert take(outlet, position, 1) == [1]


def test_stop_ends_it(outlet: Outlet) -> None:
    """Whether something comes or not."""
    stop = threading.Event()
    inspect(outlet.journal, 1, 2)
    stream = subscribe(outlet.endpoints.results, outlet.endpoints.replay, 0, stop=stop)
    assert next(stream).message_id == 1
    stop.set()
    assert list(stream) == []
    stop.clear()
    threading.Timer(0.2, stop.set).start()
    assert list(subscribe(outlet.endpoints.results, outlet.endpoints.replay, 2, stop=stop)) == []


@pytest.mark.parametrize(
    ("content", "error", "complaint"),
    [
        ("half a rec", ConfigError, "damaged, or no position file: give another, or delete it"),
        ('{"line": "line1", "station": "cam1", "kind": "event", "number": 3, "agent_epoch": 1, "utc": ""}', UsageError,
         "is one of events, not of results"),
        ('{"line": "line1", "station": "cam2", "kind": "result", "number": 3, "agent_epoch": 1, "utc": ""}', UsageError,
         "is of station line1/cam1, not of line1/cam2"),
    ],
)  # fmt: skip
def test_a_position_that_is_not_ours_is_one_clear_line(
    outlet: Outlet, tmp_path: Path, content: str, error: type[Exception], complaint: str
) -> None:
    position = tmp_path / "position"
    position.write_text(content)
    with pytest.raises(error, match=complaint) as caught:
        take(outlet, position, 1)
    assert "\n" not in str(caught.value)
    assert position.read_text() == content


def test_two_subscribers_do_not_share_a_position(outlet: Outlet, tmp_path: Path) -> None:
    position = tmp_path / "position"
    inspect(outlet.journal, 1, 2)
    first = subscribe(outlet.endpoints.results, outlet.endpoints.replay, 0, position=position)
    next(first)
    with pytest.raises(UsageError, match="another subscriber uses it"):
        take(outlet, position, 1)
    first.close()  # type: ignore[attr-defined]
    assert take(outlet, position, 1) == [1]
    with pytest.raises(UsageError, match="give a file in a folder you may write"):
        take(outlet, tmp_path / "nowhere" / "position", 1)


def test_a_position_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    """As on a full disk: it may not go on as if all were well."""
    with closing(Position(tmp_path / "position", "result")) as position:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            with pytest.raises(Fault, match="File too large: what was handled last will come again"):
                position.store(Seen(1, 1, "now"), "line1", "cam1")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- what else may be heard ------------------------------------------------------------------------------------------


def test_two_stations_are_not_mixed_up(outlet: Outlet, tmp_path: Path) -> None:
    """The live results of one and the journal of another."""
    other = local_ports()
    with zmq.Context() as context, context.socket(zmq.PUB) as live:
        live.setsockopt(zmq.LINGER, 0)
        live.bind(other.results)
        pulse = StatusMessage(line="line1", station="cam2", agent_epoch=1, last_message_id=5, utc="")
        mixed = other.model_copy(update={"replay": outlet.endpoints.replay})
        inspect(outlet.journal, 1)
        with following(mixed) as listener:

            def turned_away() -> bool:
                live.send_multipart([topic("line1", "cam2", "status").encode(), pulse.to_bytes()])
                return listener.error is not None

            wait_until(turned_away, "it is noticed")
    assert "is of station line1/cam" in str(listener.error)
    assert "with its own endpoints" in str(listener.error)


def test_nonsense_on_the_wire_is_told_and_passed_over(outlet: Outlet) -> None:
    """Of a newer station, of something else: neither ends a subscriber."""
    with zmq.Context() as context, context.socket(zmq.PUB) as live:
        live.setsockopt(zmq.LINGER, 0)
        port = live.bind_to_random_port("tcp://127.0.0.1")
        inspect(outlet.journal, 1, 2)
        pulse = StatusMessage(line="line1", station="cam1", agent_epoch=1, last_message_id=2, utc="").to_bytes()
        config = outlet.endpoints.model_copy(update={"results": f"tcp://127.0.0.1:{port}"})
        with following(config) as listener:

            def passed_over() -> list[Heard]:
                for frames in ([b"insp/1/"], [b"insp/1/a/b/status/", b"{"], [b"insp/1/a/b/of_tomorrow/", b"x"],
                               [b"insp/1/line1/cam1/status/", pulse]):  # fmt: skip
                    live.send_multipart(frames)
                return listener.told(StatusMessage)

            listener.wait(passed_over)
            listener.wait(lambda: listener.ids() == [1, 2])
    assert any("not understood" in str(trouble) for trouble in listener.told(Trouble))


def test_a_journal_that_cannot_be_read_is_told_once_and_asked_again(
    outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.subscriber.follower.RETRY_S", 0.1)
    replay = f"tcp://127.0.0.1:{free_port()}"
    config = outlet.endpoints.model_copy(update={"replay": replay})
    inspect(outlet.journal, 1)
    with following(config) as listener, zmq.Context() as context, context.socket(zmq.REP) as server:
        server.bind(replay)
        assert server.poll(PATIENCE_S * 1000)
        server.recv()
        refused = ReplayReply(first_message_id=0, last_message_id=0, count=0, error="the disk is gone")
        server.send(refused.to_bytes())
        assert server.poll(PATIENCE_S * 1000), "it does not ask again"
        row = history(outlet.endpoints.replay)
        server.recv()
        server.send_multipart([
            ReplayReply(first_message_id=1, last_message_id=1, count=1).to_bytes(), *(m.to_bytes() for m in row)
        ])  # fmt: skip
        listener.wait(lambda: listener.ids() == [1])
    assert [str(trouble) for trouble in listener.told(Trouble)] == [f"{replay}: refused: the disk is gone"]


def test_events_are_followed_as_results_are(outlet: Outlet, tmp_path: Path) -> None:
    outlet.journal.record(Event("command", "pause", "", "R. Diaz"))
    inspect(outlet.journal, 1)
    ends = outlet.endpoints.results, outlet.endpoints.replay
    position = tmp_path / "events"
    with closing(subscribe_events(*ends, since=0, position=position)) as stream:  # type: ignore[type-var]
        first = next(stream)
        outlet.journal.record(Event("command", "resume", "", "R. Diaz"))
        assert (first.what, next(stream).what) == ("pause", "resume")
    with following(outlet.endpoints, since=None) as listener:
        listener.wait(lambda: listener.told(StatusMessage))
        outlet.journal.record(Event("drift", "mean_grey"))
        listener.wait(lambda: listener.told(EventMessage))
    with closing(subscribe_events(*ends, position=position)) as stream:  # type: ignore[type-var]
        assert [event.what for event in islice(stream, 2)] == ["resume", "mean_grey"]


def test_history_gives_what_is_asked_for(outlet: Outlet) -> None:
    inspect(outlet.journal, *range(1, 601))
    inspect(outlet.journal, 601, verdict=Verdict.REJECT)
    rows = list(history(outlet.endpoints.replay))
    assert [row.message_id for row in rows] == list(range(1, 602))
    assert [row.message_id for row in history(outlet.endpoints.replay, last=3)] == [599, 600, 601]
    begin, end = rows[100].decided_utc, rows[400].decided_utc
    between = [row.message_id for row in rows if begin <= row.decided_utc < end]
    assert [row.message_id for row in history(outlet.endpoints.replay, from_utc=begin, to_utc=end)] == between
    with pytest.raises(Fault, match="refused: from_utc 'noon' is no time"):
        list(history(outlet.endpoints.replay, from_utc="noon"))


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda: history("tcp://127.0.0.1:1", last=0), "last = 0: give 1 to 1000"),
        (lambda: history("tcp://127.0.0.1:1", last=1001), "last = 1001: give 1 to 1000"),
        (lambda: history("tcp://127.0.0.1:1", since=-1), "since = -1: give the id"),
        (lambda: subscribe(since=-1), "since = -1: give the id"),
        (lambda: subscribe_events(since=-1), "since = -1: give the id"),
    ],
)
def test_numbers_that_no_message_has_are_one_line(ask: Callable[[], Iterator[Heard]], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint) as caught:
        next(ask())
    assert "\n" not in str(caught.value)


def test_a_subscriber_with_keys_follows_a_station_with_keys(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    config = ring.config()
    with closing_outlet(Outlet(tmp_path / "journal.sqlite", config)) as outlet:
        inspect(outlet.journal, 1, 2)
        with closing(subscribe(config.results, config.replay, 0, keys=ring.keys("listener"))) as stream:  # type: ignore[type-var]
            assert [message.message_id for message in islice(stream, 2)] == [1, 2]
        with pytest.raises(Fault, match="does not know this client's key"):
            next(subscribe(config.results, config.replay, 0, keys=ring.keys("stranger")))
        with pytest.raises(Fault, match="wants keys"):
            next(subscribe(config.results, config.replay, 0))


def test_the_messages_alone_need_no_zeromq() -> None:
    """`from agent.subscriber import subscribe` works all the same."""
    probe = (
        "import sys; import agent.messages; assert 'zmq' not in sys.modules; "
        "import agent.subscriber as door; assert all(hasattr(door, name) for name in door.__all__)"
    )
    subprocess.run([sys.executable, "-c", probe], cwd=ROOT, check=True)
