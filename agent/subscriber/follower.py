"""Both of a station's endpoints heard at once: live messages, and a question to its journal whenever one is missing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import zmq
from pydantic import ValidationError

from agent.errors import Fault, UsageError
from agent.keys import ClientKeys
from agent.messages import MAJOR, EventMessage, ResultMessage, StatusMessage
from agent.subscriber.handshakes import Handshakes, Refused
from agent.subscriber.replay_client import Asking, connected
from agent.subscriber.sequencer import Break, Kind, Numbered, Sequencer

POLL_MS = 100
PATIENCE_S = 3.0
"""A pulse comes once a second."""
PERHAPS = "station down, or still waiting for camera or PLC: systemctl status 'linegate@*'"
PAUSE_S, RETRY_S = 0.2, 1.0
"""Before the next question when the last one brought nothing, and when it was not answered."""
LIVE_WAITING = 100
"""Live messages kept, each perhaps with its images, while nobody takes them; the journal has the rest."""
KINDS: Mapping[bytes, type[ResultMessage | EventMessage | StatusMessage]] = {
    b"result": ResultMessage,
    b"event": EventMessage,
    b"status": StatusMessage,
}
"""By the last word of the topic; a newer station may speak of more."""


@dataclass(frozen=True)
class Trouble:
    """What keeps messages from coming, told once; we go on trying."""

    endpoint: str
    why: str

    def __str__(self) -> str:
        return f"{self.endpoint}: {self.why}"


Heard = Numbered | StatusMessage | Break | Trouble


class Follower:
    """`chains` by kind: what is handed on gap-free. `station`: (line, station) that it must be; None: the first heard.

    Raises UsageError for an endpoint that is none, or another station's. Close it when done.
    """

    def __init__(self, results: str, replay: str, chains: Mapping[Kind, Sequencer], keys: ClientKeys | None,
                 station: tuple[str, str] | None, patience_s: float) -> None:  # fmt: skip
        self._results, self._chains, self._keys, self._station = results, chains, keys, station
        self._patience_s = patience_s
        self._open_live()
        try:
            self._asking = Asking(replay, keys)
        except UsageError:
            self._close_live()
            raise
        self._heard_s = time.monotonic()
        self._ask_after_s = 0.0
        self._asked: Sequencer | None = None
        self._asked_in = self._life = 0
        """agent_epoch of the station, when last asked and now; 0: nothing heard yet."""
        self._told: list[Trouble] = []
        self._knock_at_s: float | None = None
        """Turned away: when to try again."""

    def next(self) -> list[Heard]:
        """What has come within the next moment, in order; perhaps nothing."""
        self._ask_what_is_missing()
        poller = zmq.Poller()
        poller.register(self._live, zmq.POLLIN)
        poller.register(self._asking.socket, zmq.POLLIN)
        ready = dict(poller.poll(POLL_MS))
        heard = self._take_live() if self._live in ready else self._patience()
        if self._asking.socket in ready:
            heard += self._take_answer()
        elif self._asking.waiting:
            heard += self._patience_with_answer()
        return heard + self._turned_away()

    def close(self) -> None:
        """Hang up."""
        self._asking.close()
        self._close_live()

    # --- live ------------------------------------------------------------------------------------------------------

    def _open_live(self) -> None:
        self._live, self._handshakes = open_live(self._results, self._keys)
        self._opened_s = time.monotonic()

    def _close_live(self) -> None:
        self._handshakes.close()
        self._live.close()

    def _take_live(self) -> list[Heard]:
        try:
            message = parsed(self._live.recv_multipart())
        except ValidationError as error:
            return self._trouble(self._results, f"not understood: {str(error).splitlines()[0]}")
        if message is None:
            return []
        self._check_station(message, self._results)
        self._heard_s, self._life = time.monotonic(), message.agent_epoch
        self._all_well(self._results)
        if isinstance(message, StatusMessage):
            for kind, chain in self._chains.items():
                newest = message.last_message_id if kind == "result" else message.last_event_id
                chain.pulse(newest, message.agent_epoch, message.utc)
            return [message]
        mine = self._chains.get("result" if isinstance(message, ResultMessage) else "event")
        return [*mine.live(message)] if mine else []

    def _patience(self) -> list[Heard]:
        if time.monotonic() - self._heard_s < self._patience_s:
            return []
        if time.monotonic() - self._opened_s >= self._patience_s:  # no connection breaks where a network swallows all
            self._close_live()
            self._open_live()
        return self._trouble(self._results, f"no pulse for {self._patience_s:g} s: {PERHAPS}")

    # --- the journal -----------------------------------------------------------------------------------------------

    def _ask_what_is_missing(self) -> None:
        if self._asking.waiting or time.monotonic() < self._ask_after_s:
            return
        self._asked = next((chain for chain in self._chains.values() if chain.behind), None)
        if self._asked:
            self._asked_in = self._life
            self._asking.ask(self._asked.request())

    def _take_answer(self) -> list[Heard]:
        assert self._asked is not None, "an answer without a question"
        try:
            reply, messages = self._asking.answer()
        except (Fault, ValidationError) as error:
            return self._ask_later(str(error).splitlines()[0].removeprefix(f"replay at {self._asking.endpoint} "))
        for message in messages:
            self._check_station(message, self._asking.endpoint)
        heard = self._asked.answer(reply, messages)
        self._ask_after_s = 0.0 if heard or self._asked.looking_back else time.monotonic() + PAUSE_S
        self._all_well(self._asking.endpoint)
        return [*heard]

    def _patience_with_answer(self) -> list[Heard]:
        if self._asking.overdue and self._asked:
            self._asking.forget()
            self._asked.unanswered()
            return self._ask_later("no answer: is the station running, and is this its publisher.replay endpoint?")
        if self._asked_in and self._asked_in != self._life:
            self._asking.forget()  # it went to a station that has died since
        return []

    def _ask_later(self, why: str) -> list[Heard]:
        self._ask_after_s = time.monotonic() + RETRY_S
        return self._trouble(self._asking.endpoint, why)

    # --- what is wrong ---------------------------------------------------------------------------------------------

    def _trouble(self, endpoint: str, why: str) -> list[Heard]:
        if (trouble := Trouble(endpoint, why)) in self._told:
            return []
        self._told.append(trouble)
        return [trouble]

    def _all_well(self, endpoint: str) -> None:
        self._told = [trouble for trouble in self._told if trouble.endpoint != endpoint]

    def _turned_away(self) -> list[Heard]:
        """At the start it is the end; later, keys may be changing, and we go on trying. Raises Refused."""
        if self._knock_at_s is not None and time.monotonic() >= self._knock_at_s:
            self._close_live()
            self._open_live()
            self._asking.forget()
            self._knock_at_s = None
        try:
            self._handshakes.check()
            self._asking.handshakes.check()
        except Refused as refused:
            if not self._life:
                raise
            self._knock_at_s = self._knock_at_s or time.monotonic() + RETRY_S
            return self._trouble(self._results, str(refused))
        return []

    def _check_station(self, message: Numbered | StatusMessage, endpoint: str) -> None:
        """Two stations count their messages apart: to mix them up would lose some."""
        heard = (message.line, message.station)
        if self._station is None:
            self._station = heard
        elif heard != self._station:
            theirs, ours = "/".join(heard), "/".join(self._station)
            raise UsageError(f"{endpoint} is of station {theirs}, not of {ours}: follow each station by itself, "
                             "with its own endpoints and its own position file")  # fmt: skip


def open_live(results: str, keys: ClientKeys | None) -> tuple[zmq.Socket[bytes], Handshakes]:
    """A SUB socket for everything that the station tells. Raises UsageError for an endpoint that is none."""
    live, handshakes = connected(zmq.SUB, results, keys, LIVE_WAITING)
    live.subscribe(f"insp/{MAJOR}/".encode())
    return live, handshakes


def parsed(frames: list[bytes]) -> ResultMessage | EventMessage | StatusMessage | None:
    """A live message's header; None: of a kind that is not known here. Raises ValidationError."""
    model = KINDS.get(frames[0].rstrip(b"/").rpartition(b"/")[2]) if len(frames) > 1 else None
    return model.model_validate_json(frames[1]) if model else None
