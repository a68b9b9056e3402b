"""What the link asks of a handshake, whatever the profile: images read and verdicts in, the image to write out."""

from __future__ import annotations

from typing import ClassVar, Protocol

from agent.inspection import Trigger
from agent.plc.decision import Decision, Observation, Situation
from agent.plc.ledger import Ledger
from agent.plc.register_map import Status
from agent.setup import Setup


class AgentHandshake(Protocol):
    """The agent's half; pure, not thread-safe."""

    announces_every_part: ClassVar[bool]
    """Does the PLC announce each part that passes the photo-eye?"""
    ledger: Ledger

    def observe(self, words: list[int], sent_ns: int, received_ns: int) -> Observation:
        """Digest the PLC's image, sampled between the two times."""
        ...

    @property
    def job_of_plc(self) -> int:
        """The job that the PLC selects; 0 = it leaves that to the station."""
        ...

    def select_job(self, job: int, now_ns: int) -> None:
        """An operator's choice, where the PLC selects none; a part that may be of either recipe is not inspected."""
        ...

    def change_setup(self, setup: Setup) -> None:
        """Parts announced from now on carry it; it has the same job numbers."""
        ...

    def explain_torn(self, words: list[int]) -> str:
        """Why an image could not be used, for a person."""
        ...

    def release(self, decision: Decision) -> None:
        """Let a settled decision go on the wire."""
        ...

    def exposed(self, trigger: Trigger) -> None:
        """The photo of this part is taken."""
        ...

    def block(self, status: Status, alive: bool) -> list[int]:
        """The agent's image as it should stand now; `alive` lets the heartbeat advance."""
        ...

    def situation(self) -> Situation:
        """What the newest image says, for people."""
        ...

    def acknowledged(self, words: list[int], now_ns: int) -> None:
        """The PLC has confirmed the write of this image."""
        ...
