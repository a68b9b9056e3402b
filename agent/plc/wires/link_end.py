"""What the link and its wire are to each other. A wire moves images between PLC and link; it decides nothing."""

from __future__ import annotations

from typing import Protocol

from agent.plc.wires.bell import Bell


class LinkEnd(Protocol):
    """The link as its wire sees it; all calls from the link's own thread."""

    bell: Bell
    """Rung when the image has a new verdict, or the end has come."""

    @property
    def stopping(self) -> bool:
        """The wire shall write the last image and return."""
        ...

    def image(self) -> list[int]:
        """What the PLC should have now; each call may count the heartbeat on."""
        ...

    def coils(self) -> tuple[dict[int, bool], float]:
        """How the coils of the reject arm must stand now, and when (CLOCK_MONOTONIC, s; inf = never) to ask again.

        Ask after every read and verdict too. Empty where the PLC drives the arm.
        """
        ...

    def coil_written(self, coil: int, on: bool, now_ns: int) -> None:
        """The PLC has confirmed the state of a coil."""
        ...

    def acknowledged(self, image: list[int], now_ns: int) -> None:
        """The PLC has this image."""
        ...

    def digest(self, image: list[int], sent_ns: int, received_ns: int) -> None:
        """The PLC's image, sampled at some moment between the two times."""
        ...

    def tick(self) -> None:
        """Call at least every 50 ms while nothing is digested: deadlines run on without a PLC."""
        ...

    def report(self, trouble: str) -> None:
        """What is wrong with the connection, for a person; '' = nothing."""
        ...


class Wire(Protocol):
    """One way to reach a PLC."""

    async def exchange_forever(self, link: LinkEnd) -> None:
        """Until `link.stopping`, whatever breaks meanwhile; returns after the last image is out."""
        ...
