"""Any camera with a vendor's GenTL producer, through Harvesters."""

from __future__ import annotations

from agent.camera_config import GenicamCamera, Mode
from agent.cameras.inbox import Inbox


class GenicamDriver:
    """TODO."""

    simulated = False

    def __init__(self, config: GenicamCamera, mode: Mode) -> None:
        raise NotImplementedError

    def start(self, inbox: Inbox) -> None:
        """TODO."""

    def fire(self) -> None:
        """TODO."""

    def check(self) -> None:
        """TODO."""

    def close(self) -> None:
        """TODO."""
