"""Cameras in two layers: a driver delivers frames, a camera finds the one frame that shows a trigger's part.

Drivers (agent.cameras.drivers, one device family a file) know nothing of triggers; how a frame is bound to its part
(line_fired, asked, stream) is written once for all of them. Each is chosen by name in the config, never as a fallback.
"""

from __future__ import annotations

from typing import Protocol

from agent.cameras.inbox import Inbox
from agent.inspection import Frame, Trigger


class Driver(Protocol):
    """A device that delivers frames. One that exists is open, set up, and its settings are read back.

    Its constructor raises CameraMissing when the device is not there or busy (it may yet come), ConfigError when it
    cannot do what it is asked for.
    """

    simulated: bool
    """Its frames show no real part."""

    def start(self, inbox: Inbox) -> None:
        """From now on put every frame into `inbox`, from a thread of the driver's own."""
        ...

    def fire(self) -> None:
        """Ask for one frame now (software trigger); a free-running device has nothing to do. Raises Fault if lost."""
        ...

    def check(self) -> None:
        """Raise Fault when the device is lost. Idle is not lost. Must not block for longer than some ms."""
        ...

    def close(self) -> None:
        """Release the device and end the thread."""
        ...


class Camera(Protocol):
    """A camera that exists is open and usable."""

    @property
    def simulated(self) -> bool:
        """Its frames show no real part."""
        ...

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
