"""What is written down beside the parts: an operator's command, an alarm, a drift, a start or an end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """`what` in one word; `who` gave the command, "" = nobody did."""

    kind: str
    what: str
    detail: str = ""
    who: str = ""
