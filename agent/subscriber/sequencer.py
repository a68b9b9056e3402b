"""Messages of one kind in the order of their numbers, each once: what is next, what is missing, what is lost. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.messages import EventMessage, ReplayReply, ReplayRequest, ResultMessage

Kind = Literal["result", "event"]
Numbered = ResultMessage | EventMessage
BATCH, LEAST = 500, 10
LOOK_BACK = 1000
AHEAD_LIMIT = 256
"""So many live messages may wait for one before them; of more, the replay has them."""
EPOCHS = 65535


@dataclass(frozen=True)
class Seen:
    """The last message handled, and by what it is known again should the station's journal have been exchanged."""

    number: int
    """message_id or event_id."""
    agent_epoch: int = 0
    """0: not known."""
    utc: str = ""


@dataclass(frozen=True)
class Break:
    """The numbers do not go on: after `after` comes `next`, and what may have been between is not to be had."""

    kind: Kind
    after: int
    next: int
    """Not beyond `after`: the station's journal was exchanged for an older one; what was handled may come again."""
    why: str

    def __str__(self) -> str:
        between = f"{self.after + 1} to {self.next - 1} are lost" if self.next > self.after else "numbers run back"
        return f"{self.kind}s after {self.after} go on at {self.next}, {between}: {self.why}"


class Sequencer:
    """`seen`: go on after it; None: from the first pulse on. Whoever holds it asks the station while it is `behind`."""

    def __init__(self, kind: Kind, seen: Seen | None) -> None:
        self.kind, self.seen = kind, seen
        self.behind = seen is not None
        self._ahead: dict[int, Numbered] = {}
        self._batch = BATCH
        self._life = self._asked_in = self._proven_in = 0
        """agent_epochs: the newest one heard of, and the one in which `seen` was last found in the journal."""
        self._asked_at = seen or Seen(0)
        self._looking_after: int | None = None
        """The journal has run back: from here on we look for the newest message that has been seen."""

    def pulse(self, newest: int, agent_epoch: int, utc: str) -> None:
        """The station says how far it is."""
        self._hears_of(agent_epoch)
        if self.seen is None:
            self.seen = Seen(newest, agent_epoch, utc)
            self._proven_in = agent_epoch
        elif newest != self.seen.number or self._proven_in != agent_epoch:
            self.behind = True

    def live(self, message: Numbered) -> list[Numbered]:
        """What can be handed on now that this one has come."""
        self._hears_of(message.agent_epoch)
        if self.seen is not None:
            self._ahead[number(message)] = message
            if len(self._ahead) > AHEAD_LIMIT:
                del self._ahead[max(self._ahead)]
        return list(self._in_order())

    def request(self) -> ReplayRequest:
        """What to ask the station for, while `behind`: from the one seen last on, to know it again."""
        self._asked_in, self._asked_at = self._life, self._last
        if self._looking_after is not None:
            return ReplayRequest(kind=self.kind, since=self._looking_after, limit=LOOK_BACK)
        return ReplayRequest(kind=self.kind, since=max(self._last.number - 1, 0), limit=self._batch)

    def unanswered(self) -> None:
        """No answer to `request`: perhaps it is too long for the network, so ask for less."""
        self._batch = max(self._batch // 2, LEAST)

    def answer(self, reply: ReplayReply, messages: Sequence[Numbered]) -> list[Numbered | Break]:
        """What can be handed on now that the station has answered."""
        self._batch = min(self._batch * 2, BATCH)
        if messages and self._life and _is_later(messages[-1].agent_epoch, self._life):
            self._hears_of(messages[-1].agent_epoch)
        if self._looking_after is not None:
            return self._look_back(self._looking_after, reply, messages)
        if self._ran_back(reply, messages):
            if not self._last.utc:
                return self._go_on_after(Seen(0))
            self._looking_after, self._proven_in = max(reply.last_message_id - LOOK_BACK, 0), 0
            return []
        if messages or not self._last.number or reply.first_message_id > self._last.number:
            self._proven_in = self._asked_in  # not by an empty journal: who knows how it begins
        if messages and number(messages[0]) == self._last.number:
            self.seen = seen(messages[0])
        messages = [message for message in messages if number(message) > self._last.number]
        heard = list(self._followed(messages, reply.first_message_id))
        heard += self._in_order()
        self.behind = self._asked_in != self._life or (bool(messages) and self._last.number < reply.last_message_id)
        return heard

    @property
    def looking_back(self) -> bool:
        """Answers bring nothing new for a while."""
        return self._looking_after is not None

    @property
    def _last(self) -> Seen:
        assert self.seen is not None, "nothing to ask for before the first pulse"
        return self.seen

    def _hears_of(self, agent_epoch: int) -> None:
        if agent_epoch != self._life:  # what an earlier life has told is in the journal, or was lost with it
            self._life, self._ahead = agent_epoch, {}

    def _in_order(self) -> Iterator[Numbered]:
        """Live messages whose turn has come, unless another life of the station may count anew."""
        if self.seen is None or self._proven_in != self._life:
            self.behind |= self.seen is not None
            return
        while (message := self._ahead.pop(self.seen.number + 1, None)) is not None:
            self.seen = seen(message)
            yield message
        self._ahead = {key: message for key, message in self._ahead.items() if key > self._last.number}
        self.behind |= bool(self._ahead)

    def _followed(self, messages: Sequence[Numbered], first: int) -> Iterator[Numbered | Break]:
        for message in messages:
            after, following = self._last.number, number(message)
            if following > after + 1:
                lost = f"the station's journal begins at {first}" if first > after + 1 else "its journal has none"
                yield Break(self.kind, after, following, lost)
            self.seen = seen(message)
            yield message

    # --- a journal that has been exchanged for an older one --------------------------------------------------------

    def _ran_back(self, reply: ReplayReply, messages: Sequence[Numbered]) -> bool:
        """As of when it was asked: live messages may have come since."""
        if messages and number(messages[0]) == self._asked_at.number:
            return not self._known(messages[0])
        return 0 < reply.last_message_id < self._asked_at.number

    def _known(self, message: Numbered) -> bool:
        """Can it have been handled? Every life of the station has a later agent_epoch, also with an old journal."""
        if not self._asked_at.utc:
            return True
        later = _is_later(message.agent_epoch, self._asked_at.agent_epoch)
        return not later and utc(message) <= self._asked_at.utc

    def _look_back(self, after: int, reply: ReplayReply, messages: Sequence[Numbered]) -> list[Numbered | Break]:
        """Step by step towards older ones, until one was handled."""
        known = [message for message in messages if self._known(message)]
        if known:
            return self._go_on_after(seen(known[-1]))
        if after < reply.first_message_id:
            return self._go_on_after(Seen(max(reply.first_message_id - 1, 0)))
        self._looking_after = max(after - LOOK_BACK, 0)
        return []

    def _go_on_after(self, fork: Seen) -> list[Numbered | Break]:
        why = "the station's journal was exchanged for an older one, or a power cut took its newest rows"
        broken = Break(self.kind, self._last.number, fork.number + 1, why)
        self.seen, self._looking_after, self.behind = fork, None, True
        return [broken]


def number(message: Numbered) -> int:
    """What orders it among its kind."""
    return message.message_id if isinstance(message, ResultMessage) else message.event_id


def utc(message: Numbered) -> str:
    """When it came about."""
    return message.decided_utc if isinstance(message, ResultMessage) else message.utc


def seen(message: Numbered) -> Seen:
    """It as the last one handled."""
    return Seen(number(message), message.agent_epoch, utc(message))


def _is_later(agent_epoch: int, than: int) -> bool:
    """They wrap."""
    return 0 < (agent_epoch - than) % EPOCHS < EPOCHS // 2
