"""What the world of profile B is made of: its times, one life of the agent, a request on the wire and its faults."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Literal

from agent.inspection import Trigger
from agent.plc.bits_handshake import BitsHandshake
from agent.plc.decision import Closed, Decision, Timing
from agent.plc.facts import Facts
from agent.setup import Setup

SCAN_MS, DECIDE_MS, WINDOW_MS, GUARD_MS = 5, 200, 40, 25
FACTS = Facts(Setup(recipes={1: ("own", "0011"), 2: ("other", "0022")}))
Fault = Literal["lost", "left over", "answer lost"]
FAULTS: tuple[Fault, ...] = ("lost", "left over", "answer lost")


@dataclass
class Agent:
    """One life of the agent: its handshake, and the triggers that wait for the station."""

    epoch: int
    handshake: BitsHandshake
    waiting: deque[Trigger] = field(default_factory=deque)
    delivered: list[Decision] = field(default_factory=list)
    held: Decision | None = None
    """Settled, its journal row not yet on disk."""
    seen: list[Trigger] = field(default_factory=list)
    settled: Counter[Trigger] = field(default_factory=Counter)
    closed: list[Closed] = field(default_factory=list)

    @staticmethod
    def started(epoch: int) -> Agent:
        return Agent(epoch, BitsHandshake(Timing(WINDOW_MS, GUARD_MS, SCAN_MS), DECIDE_MS, epoch, FACTS))


@dataclass
class Write:
    """One request, FC16 or FC15: places `first` on of the agent's image."""

    first: int
    values: list[int]
