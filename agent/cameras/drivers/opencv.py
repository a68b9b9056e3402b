"""Whatever OpenCV can capture from: V4L2, RTSP and other URLs, video files."""

from __future__ import annotations

from agent.camera_config import Mode, OpencvCamera
from agent.cameras.inbox import Inbox


class OpencvDriver:
    """TODO."""

    simulated = False

    def __init__(self, config: OpencvCamera, mode: Mode) -> None:
        raise NotImplementedError

    def start(self, inbox: Inbox) -> None:
        """TODO."""

    def fire(self) -> None:
        """TODO."""

    def check(self) -> None:
        """TODO."""

    def close(self) -> None:
        """TODO."""
