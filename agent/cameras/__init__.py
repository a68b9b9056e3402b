"""Cameras behind one small protocol; one driver a file, chosen by name in the config, never as a fallback."""

from __future__ import annotations

from typing import Protocol

from agent.inspection import Frame, Trigger


class Camera(Protocol):
    """A camera that exists is open and usable."""

    def grab(self, trigger: Trigger) -> Frame:
        """The one frame that shows this trigger's part, before the trigger's deadline.

        Raises NoDecision when there is none (missed, mismatched, broken), Fault when the camera is lost.
        """
        ...

    def check(self) -> None:
        """Called while no part is under way: raise Fault when the camera is lost. Idle is not lost."""
        ...

    def close(self) -> None:
        """Release the device."""
        ...
