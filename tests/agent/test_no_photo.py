"""A frame that did not come whole is no photo to anybody: not to the archive, not to a snapshot."""

from __future__ import annotations

import threading
from typing import Any, cast

import numpy as np
import pytest

from agent.camera_config import ViewConfig
from agent.frame_check import Succession
from agent.health import Stages
from agent.inspection import Frame, Reason, Trigger
from agent.plc.decision import Decision
from agent.station import Station
from agent.view import View
from tests.results.records import trigger

EMPTY = Frame(np.empty((0, 0), np.uint8), 1, 0, complete=False)
HALF = Frame(np.full((10, 10), 100, np.uint8), 1, 0, complete=False)


class OnePart:
    """A line with one part, and the camera that photographs it."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self.delivered: list[Decision] = []

    def triggers(self, stop: threading.Event) -> list[Trigger]:
        return [trigger(1)]

    def grab(self, announced: Trigger) -> Frame:
        return self._frame

    def exposed(self, announced: Trigger) -> None:
        """Nobody waits for it."""

    def deliver(self, decision: Decision) -> bool:
        self.delivered.append(decision)
        return True


@pytest.mark.parametrize("frame", [EMPTY, HALF], ids=["empty", "half"])
def test_what_did_not_come_whole_is_kept_by_nobody(frame: Frame) -> None:
    line = cast(Any, OnePart(frame))
    station = Station(line, Succession(), View(ViewConfig()), cast(Any, None), line,
                      Stages.of(100, 100))  # fmt: skip
    station.run(threading.Event())
    (decision,) = line.delivered
    assert decision.reason is Reason.FRAME_INCOMPLETE
    assert decision.evidence is not None
    assert decision.evidence.frame is None
