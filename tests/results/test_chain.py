"""Whatever becomes of station, journal and wire: each row once, in order, and every jump of the numbers is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from agent.messages import EventMessage, ReplayReply
from agent.subscriber.sequencer import BATCH, LEAST, Break, Numbered, Seen, Sequencer

OPERATIONS = ("part", "part", "part", "lost live", "pulse", "ask", "ask", "lost answer", "late answer",
              "restart", "power cut", "restore", "set aside", "retention", "backup")  # fmt: skip


@dataclass
class Station:
    """Its journal, and the agent_epoch that outlives it."""

    rows: list[EventMessage] = field(default_factory=list)
    given: list[EventMessage] = field(default_factory=list)
    epoch: int = 1
    newest: int = 0
    """The highest number that this journal has given away."""
    ticks: int = 0
    saved: tuple[list[EventMessage], int] = ((), 0)  # type: ignore[assignment]

    def write(self) -> EventMessage:
        self.newest, self.ticks = self.newest + 1, self.ticks + 1
        row = EventMessage(event_id=self.newest, line="line1", station="cam1", agent_epoch=self.epoch,
                           utc=f"{self.ticks:09d}", kind="part", what=str(self.ticks))  # fmt: skip
        self.rows.append(row)
        self.given.append(row)
        return row

    @property
    def last(self) -> int:
        return self.rows[-1].event_id if self.rows else 0

    def suffer(self, fate: str, size: int) -> None:
        if fate == "backup":
            self.saved = (list(self.rows), self.newest)
            return
        if fate == "retention":
            del self.rows[:size]
            self.saved = ([row for row in self.saved[0] if row in self.rows], self.saved[1])
            return
        if fate == "power cut" and self.rows:
            del self.rows[-size:]
            self.newest = max(self.last, self.newest - size)
        if fate == "restore":
            self.rows, self.newest = list(self.saved[0]), self.saved[1]
        if fate == "set aside":
            self.rows, self.newest = [], self.newest + 100
        self.epoch += 1  # each of these is a restart

    def answer(self, since: int, limit: int) -> tuple[ReplayReply, list[EventMessage]]:
        found = [row for row in self.rows if row.event_id > since][:limit]
        first = self.rows[0].event_id if self.rows else 0
        return ReplayReply(first_message_id=first, last_message_id=self.last, count=len(found)), found


class Wire:
    """Between the station and a subscriber from the beginning; what is late arrives with the next pulse."""

    def __init__(self) -> None:
        self.station, self.chain = Station(), Sequencer("event", Seen(0))
        self.heard: list[Numbered | Break] = []
        self.late: tuple[ReplayReply, list[EventMessage]] | None = None

    def do(self, operation: str, size: int) -> None:
        if operation in ("part", "lost live"):
            row = self.station.write()
            self.heard += self.chain.live(row) if operation == "part" else []
        elif operation == "pulse":
            self.pulse()
        elif operation in ("ask", "lost answer", "late answer"):
            if self.chain.behind and self.late is None:
                self.ask(operation, size)
        else:
            self.station.suffer(operation, size)

    def ask(self, operation: str, most: int) -> None:
        request = self.chain.request()
        answer = self.station.answer(request.since, most if request.limit <= BATCH else request.limit)
        if operation == "late answer":
            self.late = answer
        elif operation == "ask":
            self.heard += self.chain.answer(*answer)

    def pulse(self) -> None:
        if self.late is not None:
            self.heard += self.chain.answer(*self.late)
            self.late = None
        self.chain.pulse(self.station.last, self.station.epoch, f"{self.station.ticks:09d}")


def run(operations: list[tuple[str, int]]) -> Wire:
    """These, until all is quiet again."""
    wire = Wire()
    for operation, size in operations:
        wire.do(operation, size)
    for _ in range(2 * len(operations) + 20):
        wire.pulse()
        if wire.chain.behind:
            wire.ask("ask", BATCH)
    return wire


@given(st.lists(st.tuples(st.sampled_from(OPERATIONS), st.integers(1, 4)), max_size=60))
def test_each_row_once_and_every_jump_told(operations: list[tuple[str, int]]) -> None:
    wire = run(operations)
    station, heard = wire.station, wire.heard
    rows = [row for row in heard if isinstance(row, EventMessage)]
    texts = [row.what for row in rows]
    assert len(set(texts)) == len(texts), "none twice"
    assert {row.what for row in station.rows} <= set(texts), "all that the journal holds now"
    number = 0
    for told in heard:
        if isinstance(told, Break):
            assert told.after == number
            number = told.next - 1
        else:
            assert isinstance(told, EventMessage)
            assert told.event_id == number + 1, "a jump that nobody has told of"
            number = told.event_id


def test_asking_ends_when_there_is_nothing_to_have() -> None:
    """Retention has deleted all, or the journal is new: no question after question."""
    station, chain = Station(), Sequencer("event", Seen(7, 1, "000000007"))
    for _ in range(2):  # once a pulse
        chain.pulse(0, 2, "000000009")
        assert chain.behind
        assert chain.answer(*station.answer(chain.request().since, BATCH)) == []
        assert not chain.behind


def test_agent_epochs_may_wrap() -> None:
    """65535 is followed by 1; what the later life has written is new all the same."""
    station = Station(epoch=65535)
    for _ in range(3):
        station.write()
    chain = Sequencer("event", Seen(0))
    heard = chain.answer(*station.answer(0, BATCH))
    station.rows, station.newest, station.epoch = station.rows[:2], 2, 1
    anew = station.write()
    chain.pulse(3, 1, "000000004")
    for _ in range(4):
        heard += chain.answer(*station.answer(chain.request().since, BATCH))
    assert heard[3:] == [
        Break(
            "event", 3, 3, "the station's journal was exchanged for an older one, or a power cut took its newest rows"
        ),
        anew,
    ]


def test_a_network_too_slow_for_long_answers_is_asked_for_short_ones() -> None:
    chain = Sequencer("event", Seen(0))
    for _ in range(10):
        assert chain.request().limit >= LEAST
        chain.unanswered()
    assert chain.request().limit == LEAST
    for _ in range(10):
        chain.answer(ReplayReply(first_message_id=0, last_message_id=0, count=0), [])
    assert chain.request().limit == BATCH
