"""A part that was found in a stream of frames. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.inspection import Frame, Reason


@dataclass(frozen=True)
class Part:
    """Its frame, or why there is none."""

    at_ns: int
    frame: Frame | None
    reason: Reason = Reason.OK
    detail: str = ""
