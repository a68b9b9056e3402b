"""What is written down beside the parts: an operator's command, an alarm, a drift, a start or an end."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_TEXT = 100
"""Of a person's name, a command, an argument: they go into log, journal and the service's status."""


@dataclass(frozen=True)
class Event:
    """`what` in one word; `who` gave the command, "" = nobody did."""

    kind: str
    what: str
    detail: str = ""
    who: str = ""
