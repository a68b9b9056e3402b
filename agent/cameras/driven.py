"""What every camera does with its driver, however it binds frames to parts."""

from __future__ import annotations

from agent.cameras import Driver
from agent.cameras.inbox import Inbox


class DrivenCamera:
    """Owns `driver`, which fills `inbox` from `_start` on."""

    def __init__(self, driver: Driver, inbox: Inbox) -> None:
        self._driver, self._inbox = driver, inbox

    def _start(self) -> None:
        """To be called when all that a frame may touch is there."""
        self._driver.start(self._inbox)

    @property
    def simulated(self) -> bool:
        """Its frames show no real part."""
        return self._driver.simulated

    def check(self) -> None:
        """Raise Fault when the camera is lost."""
        self._inbox.check()
        self._driver.check()

    def close(self) -> None:
        """Release the device."""
        self._driver.close()
