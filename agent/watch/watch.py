"""Watch a station: a live table at a terminal, a line each elsewhere, JSON for other programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agent.errors import Fault
from agent.keys import ClientKeys
from agent.messages import ResultMessage, StatusMessage
from agent.subscriber.follower import PATIENCE_S, Heard, Trouble
from agent.subscriber.handshakes import Refused
from agent.subscriber.sequencer import Break
from agent.subscriber.subscriber import follow, history
from agent.watch.lines import has_no_plc, note, result_line, state, status_line
from agent.watch.table import Board

REDRAW_S = 0.25
RETRY_S = 1.0


@dataclass(frozen=True)
class WatchOptions:
    """Which station, and what of it."""

    results: str
    replay: str
    keys: ClientKeys | None = None
    since: int | None = None
    """Begin after this message_id; None: from now on …"""
    last: int | None = None
    """… after the newest so many."""
    verdicts: frozenset[str] = frozenset()
    """Show results of these alone; none: all."""
    classes: frozenset[str] = frozenset()
    """Show results with a counting defect of one of these alone; none: all."""
    patience_s: float = PATIENCE_S

    def heard(self) -> Iterator[Heard]:
        """What is heard of it, gap-free."""
        since, told = self.since, False
        while since is None and self.last is not None:
            try:
                newest = list(history(self.replay, last=self.last, keys=self.keys))
            except Refused:
                raise
            except Fault as error:
                if not told:
                    yield Trouble(self.replay, str(error))
                told = True
                time.sleep(RETRY_S)
                continue
            yield from newest
            since = newest[-1].message_id if newest else 0
        yield from follow(self.results, self.replay, since, keys=self.keys, patience_s=self.patience_s)

    def shows(self, message: ResultMessage) -> bool:
        """Is it one of those wanted?"""
        names = {defect.name for defect in message.counting}
        return (not self.verdicts or message.verdict in self.verdicts) and (
            not self.classes or not self.classes.isdisjoint(names)
        )


def watch_json(watched: WatchOptions) -> None:
    """One JSON object a line, results alone; what keeps them from coming or is lost, on stderr."""
    for heard in watched.heard():
        if isinstance(heard, ResultMessage) and watched.shows(heard):
            print(heard.model_dump_json(by_alias=True), flush=True)
        elif isinstance(heard, Break | Trouble):
            print(f"warning: {heard}", file=sys.stderr, flush=True)


def watch_lines(watched: WatchOptions) -> None:
    """A line each, until interrupted."""
    console = Console(highlight=False)
    console.print(f"watching {watched.results} (replay from {watched.replay}); Ctrl-C ends", style="dim")
    for line in lines(watched):
        console.print(line, soft_wrap=True)


def lines(watched: WatchOptions) -> Iterator[Text]:
    """Each result and event, the station's state when it changes, and what keeps them from coming."""
    told: object = ()
    standalone: bool | None = None
    lives = Lives()
    for heard in watched.heard():
        if isinstance(heard, ResultMessage):
            if watched.shows(heard):
                yield result_line(heard, standalone)
        elif isinstance(heard, StatusMessage):
            standalone = has_no_plc(heard, standalone)
            if restarted := lives.restarted(heard):
                yield restarted
            if state(heard) != told:
                told = state(heard)
                yield status_line(heard)
        else:
            yield note(heard)
            told = () if isinstance(heard, Trouble) else told  # its state is news again once it is back


def watch_table(watched: WatchOptions) -> None:
    """A live table, until interrupted."""
    console = Console(highlight=False)
    board, lives, drawn_s = Board(), Lives(), 0.0
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        live.update(board.view(console.height), refresh=True)
        for heard in watched.heard():
            if isinstance(heard, StatusMessage) and (restarted := lives.restarted(heard)):
                board.say(restarted)
            board.take(heard, isinstance(heard, ResultMessage) and watched.shows(heard))
            if isinstance(heard, Trouble) or time.monotonic() - drawn_s >= REDRAW_S:
                live.update(board.view(console.height), refresh=True)
                drawn_s = time.monotonic()


class Lives:
    """Notices that another process of the station speaks."""

    def __init__(self) -> None:
        self._agent_epoch: int | None = None

    def restarted(self, status: StatusMessage) -> Text | None:
        """A line, if this is the first pulse of another life."""
        before, self._agent_epoch = self._agent_epoch, status.agent_epoch
        if before in (None, status.agent_epoch):
            return None
        return Text(
            f"station {status.line}/{status.station} has been restarted: agent_epoch {status.agent_epoch}", "bold"
        )
