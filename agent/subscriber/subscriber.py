"""Follow a station's results without a gap: live messages, and the journal's replay for whatever was missed.

from agent.subscriber import subscribe

for result in subscribe(position=Path("mes.position")):
    book(result.part_id, result.verdict)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from typing import TypeVar

from agent.default_endpoints import REPLAY, RESULTS
from agent.keys import ClientKeys
from agent.messages import EventMessage, ResultMessage, StatusMessage
from agent.subscriber.follower import PATIENCE_S, POLL_MS, Follower, Heard, Trouble, open_live, parsed
from agent.subscriber.position import Position
from agent.subscriber.replay_client import history, require_since
from agent.subscriber.sequencer import Break, Kind, Seen, Sequencer

__all__ = ["Break", "Heard", "Trouble", "follow", "history", "subscribe", "subscribe_events"]

log = logging.getLogger(__name__)

Message = TypeVar("Message", ResultMessage, EventMessage)


def subscribe(
    results: str = RESULTS,
    replay: str = REPLAY,
    since: int | None = None,
    *,
    position: Path | None = None,
    keys: ClientKeys | None = None,
    stop: Event | None = None,
) -> Iterator[ResultMessage]:
    """Yield completed results in order of message_id, each once, until `stop` is set or the loop is left.

    `results`, `replay`: the station's two endpoints. `since`: begin after this message_id; None: from now on.
    `position`: a file for how far this subscriber has come; where it says so, that comes before `since`. It moves on
    when the next result is asked for: what was being handled when the subscriber died comes once more.
    What keeps results from coming, and what is lost, is logged as a warning, once; `follow` yields it.
    Raises UsageError for an endpoint that is none, another station's, or a position that is not ours; ConfigError for
    a damaged position; Fault for one that cannot be written; Refused when the station does not let us in at the start.
    """
    yield from _only(ResultMessage, follow(results, replay, since, position=position, keys=keys, stop=stop))


def subscribe_events(
    results: str = RESULTS,
    replay: str = REPLAY,
    since: int | None = None,
    *,
    position: Path | None = None,
    keys: ClientKeys | None = None,
    stop: Event | None = None,
) -> Iterator[EventMessage]:
    """As `subscribe`, the station's events instead: commands, alarms, drift, starts. `since`: an event_id."""
    chain: dict[Kind, Sequencer] = {"event": Sequencer("event", None if since is None else Seen(since))}
    yield from _only(EventMessage, _followed("event", chain, results, replay, position, keys, stop, PATIENCE_S))


def follow(
    results: str = RESULTS,
    replay: str = REPLAY,
    since: int | None = None,
    *,
    position: Path | None = None,
    keys: ClientKeys | None = None,
    stop: Event | None = None,
    patience_s: float = PATIENCE_S,
) -> Iterator[Heard]:
    """As `subscribe`, and everything else there is to hear of a station.

    Its events from now on, gap-free too; its pulse (StatusMessage) about once a second; a Break where results or
    events are lost; a Trouble when no pulse has come for `patience_s`, or the journal cannot be asked: each once.
    """
    chains: dict[Kind, Sequencer] = {
        "result": Sequencer("result", None if since is None else Seen(since)),
        "event": Sequencer("event", None),
    }
    return _followed("result", chains, results, replay, position, keys, stop, patience_s)


def subscribe_status(results: str = RESULTS, keys: ClientKeys | None = None) -> Iterator[StatusMessage]:
    """Yield the station's pulse, once a second, for ever. Raises UsageError for an endpoint that is none."""
    live, handshakes = open_live(results, keys)
    try:
        while True:
            if live.poll(POLL_MS) and isinstance(message := parsed(live.recv_multipart()), StatusMessage):
                yield message
            handshakes.check()
    finally:
        handshakes.close()
        live.close()


def _followed(
    kind: Kind,
    chains: dict[Kind, Sequencer],
    results: str,
    replay: str,
    position: Path | None,
    keys: ClientKeys | None,
    stop: Event | None,
    patience_s: float,
) -> Iterator[Heard]:
    for chain in chains.values():
        require_since(chain.seen.number if chain.seen else None)
    with ExitStack() as opened:
        stored = opened.enter_context(closing(Position(position, kind))) if position else None
        if stored and stored.seen:
            chains[kind] = Sequencer(kind, stored.seen)
        station = stored.station if stored else None
        begin = chains[kind].seen
        follower = opened.enter_context(closing(Follower(results, replay, chains, keys, station, patience_s)))
        while stop is None or not stop.is_set():
            for heard in follower.next():
                yield heard
                if stored:
                    _note(stored, chains[kind], begin, heard)
                if stop is not None and stop.is_set():
                    return


def _only(wanted: type[Message], stream: Iterator[Heard]) -> Iterator[Message]:
    """What is lost, or keeps others from coming, goes into the log."""
    for heard in stream:
        if isinstance(heard, wanted):
            yield heard
        elif isinstance(heard, Break | Trouble):
            log.warning("%s", heard)


def _note(stored: Position, chain: Sequencer, begin: Seen | None, heard: Heard) -> None:
    """The consumer has come back for more: `heard` is handled. `begin`: where the chain began; None: from now on."""
    if isinstance(heard, ResultMessage | EventMessage):
        if chain.kind == ("result" if isinstance(heard, ResultMessage) else "event"):
            stored.handled(heard)
    elif isinstance(heard, StatusMessage) and stored.seen is None and chain.seen is not None:
        # Also if we die before the first result. The chain may be beyond what was handed on, if it has another begin.
        stored.store(begin or chain.seen, heard.line, heard.station)
