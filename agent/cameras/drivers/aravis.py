"""GigE Vision and USB3 Vision through Aravis."""

from __future__ import annotations

from agent.camera_config import AravisCamera, Mode
from agent.cameras.inbox import Inbox


class AravisDriver:
    """TODO."""

    simulated = False

    def __init__(self, config: AravisCamera, mode: Mode) -> None:
        raise NotImplementedError

    def start(self, inbox: Inbox) -> None:
        """TODO."""

    def fire(self) -> None:
        """TODO."""

    def check(self) -> None:
        """TODO."""

    def close(self) -> None:
        """TODO."""
