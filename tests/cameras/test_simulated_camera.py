"""The simulated camera's driver over its real wire: the frame of the part, never merely the next one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Timer

import numpy as np
import pytest
import zmq

from agent.camera_config import SimulatedCamera, TriggerConfig
from agent.cameras.drivers.simulated import SimulatedDriver
from agent.cameras.line_fired import LineFiredCamera
from agent.errors import CameraMissing, Fault, NoDecision
from agent.inspection import Reason, Trigger
from tests.results.records import trigger

MS = 1_000_000


class Wire:
    """The camera's end."""

    def __init__(self) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self.endpoint = f"tcp://127.0.0.1:{self._socket.bind_to_random_port('tcp://127.0.0.1')}"

    def alive(self) -> None:
        self._socket.send(b"{}")

    def frame(self, frame_id: int, captured_ns: int, missing: int = 0) -> None:
        image = np.full((8, 10), frame_id, np.uint8).tobytes()
        header = {"frame_id": frame_id, "captured_ns": captured_ns, "shape": (8, 10)}
        self._socket.send_multipart([json.dumps(header).encode(), image[: len(image) - missing]])

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def camera(wire: Wire) -> Iterator[LineFiredCamera]:
    limits = TriggerConfig(min_pitch_ms=50, frame_timeout_ms=50, tolerance_ms=5)
    Timer(0.05, wire.alive).start()
    driver = SimulatedDriver(SimulatedCamera(driver="simulated", endpoint=wire.endpoint), "hardware")
    camera = LineFiredCamera(driver, limits)
    yield camera
    camera.close()


def at(seq: int, edge_ns: int, width_ms: int = 10) -> Trigger:
    """A trigger whose edge is known to `width_ms`; time enough to wait for its frame."""
    return replace(
        trigger(seq), earliest_ns=edge_ns - width_ms * MS, latest_ns=edge_ns, deadline_ns=edge_ns + 20_000 * MS
    )


def test_the_frame_is_chosen_by_time_and_count_out_of_several(wire: Wire, camera: LineFiredCamera) -> None:
    """Two frames fit in time; only one of them, not the oldest, fits in count."""
    now_ns = time.monotonic_ns()
    for frame_id, after_ms in ((1, 0), (2, 60), (3, 64), (4, 200)):
        wire.frame(frame_id, now_ns + after_ms * MS)
    assert camera.grab(at(1, now_ns)).frame_id == 1
    third = camera.grab(at(3, now_ns + 64 * MS))
    assert third.frame_id == 3
    assert (third.image == 3).all()
    assert camera.grab(at(4, now_ns + 200 * MS)).frame_id == 4


def test_a_frame_of_another_part_is_never_given_out(wire: Wire, camera: LineFiredCamera) -> None:
    now_ns = time.monotonic_ns()
    wire.frame(1, now_ns + 100 * MS)
    with pytest.raises(NoDecision) as caught:
        camera.grab(at(1, now_ns))
    assert caught.value.reason is Reason.FRAME_TIMEOUT


def test_the_frame_is_waited_for(wire: Wire, camera: LineFiredCamera) -> None:
    """It may be announced by the PLC before it has come over the wire."""
    edge_ns = time.monotonic_ns() + 150 * MS
    wire.frame(1, edge_ns)
    assert camera.grab(at(1, edge_ns)).frame_id == 1


def test_half_a_frame_is_marked_incomplete(wire: Wire, camera: LineFiredCamera) -> None:
    now_ns = time.monotonic_ns()
    wire.frame(1, now_ns, missing=7)
    assert not camera.grab(at(1, now_ns)).complete


def test_a_camera_without_a_sign_of_life_is_lost(camera: LineFiredCamera, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.cameras.drivers.simulated.LOST_AFTER_S", 0.0)
    with pytest.raises(Fault, match="camera lost"):
        camera.check()
    with pytest.raises(Fault, match="camera lost"):
        camera.grab(at(1, time.monotonic_ns()))


def test_a_camera_that_gives_no_sign_of_life_is_missing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.cameras.drivers.simulated.FIRST_SIGN_MS", 20)
    with pytest.raises(CameraMissing, match="no sign of life"):
        SimulatedDriver(SimulatedCamera(driver="simulated", endpoint=wire.endpoint), "hardware")
