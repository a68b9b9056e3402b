"""What the station's loop knows of whoever announces its parts and hears its verdicts: a PLC, or nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Protocol

from agent.errors import Fault
from agent.health import IDLE_MS
from agent.inspection import Trigger
from agent.operators_hand import OperatorsHand
from agent.plc.decision import Decision, Situation
from agent.setup import Setup
from agent.worker import CLOSE_S

IDLE_S = IDLE_MS / 1000


def each_in_time(
    waiting: SimpleQueue[Trigger], begin: Callable[[Trigger], bool], stop: threading.Event
) -> Iterator[Trigger | None]:
    """Every part in `waiting`, until `stop`, that `begin` says is still open; None in place of one that is not.

    A part whose deadline has passed while it waited is not begun: that time belongs to the next. None as well when
    there was none for IDLE_S: whoever waits shows that it does not hang.
    """
    while not stop.is_set():
        try:
            trigger = waiting.get(timeout=IDLE_S)
        except Empty:
            yield None
            continue
        yield trigger if begin(trigger) else None


def late_again(progressing: bool, late: bool) -> bool:
    """Is the link's thread late at this look? Raises Fault when it was so at the one before: it hangs.

    (A process that was stopped and goes on finds it late, once.)
    """
    if late and not progressing:
        raise Fault("the link's thread hangs: exit for a clean restart")
    return not progressing


class Link(Protocol):
    """agent/plc/link.py where there is a PLC, agent/standalone/link.py where there is none."""

    operator: OperatorsHand

    def wait_for_triggers(self, waiting: Callable[[str], None], stop: threading.Event) -> bool:
        """Block until parts can be announced; `waiting` is told why not, about once a second. False: `stop` came.

        Raises Fault when the link's thread hangs.
        """
        ...

    def set_ready(self) -> None:
        """Model, camera and announcer are good: parts count from now on."""
        ...

    def triggers(self, stop: threading.Event) -> Iterator[Trigger | None]:
        """Every part to inspect, in order, until `stop`; None now and then while there is none."""
        ...

    def offline(self) -> str:
        """Why no part can be inspected although all is there, and what to do; "" = parts are inspected."""
        ...

    def change_setup(self, setup: Setup) -> set[Setup | None]:
        """Model or recipes are swapped: parts announced from now on carry it; it has the same job numbers.

        What it answers: the setups of the parts that are open still.
        """
        ...

    def exposed(self, trigger: Trigger) -> None:
        """This part's photo is taken."""
        ...

    def deliver(self, decision: Decision) -> bool:
        """Settle, journal, release. False: the part had been settled by its deadline; the verdict is only recorded."""
        ...

    def trouble(self) -> str:
        """Why nobody announces parts now, although all was there; "" = somebody does."""
        ...

    def progressing(self) -> bool:
        """Has the link's thread come round lately?"""
        ...

    def situation(self) -> Situation:
        """What a subscriber is told of it in the station's pulse."""
        ...

    def close(self, within_s: float = CLOSE_S) -> None:
        """No part may stay without a decision; then end the thread."""
        ...
