"""The simulated line's camera, over its wire: a frame arrives whenever the photo-eye fires, asked for or not."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import numpy as np
import zmq

from agent.camera_config import Mode, SimulatedCamera
from agent.cameras.inbox import Inbox
from agent.errors import CameraMissing, ConfigError, Fault
from agent.inspection import Frame

BUFFERS = 32
LOST_AFTER_S = 2.0
FIRST_SIGN_MS = 1000
POLL_MS = 100


class SimulatedDriver:
    """Connects to the simulator's camera endpoint; CameraMissing when it gives no sign of life."""

    simulated = True

    def __init__(self, config: SimulatedCamera, mode: Mode) -> None:
        self._socket = _connect(config.endpoint)
        if not self._socket.poll(FIRST_SIGN_MS):
            self._socket.close(linger=0)
            raise CameraMissing(f"camera {config.endpoint}: no sign of life yet")
        self._alive_s = time.monotonic()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, inbox: Inbox) -> None:
        """Frames come over the wire."""
        self._thread = threading.Thread(target=self._receive_forever, args=(inbox,), name="camera", daemon=True)
        self._thread.start()

    def fire(self) -> None:
        """The simulated photo-eye fires this camera, nobody else."""

    def check(self) -> None:
        """Raise Fault when the camera has given no sign of life for LOST_AFTER_S."""
        if time.monotonic() - self._alive_s > LOST_AFTER_S:
            raise Fault(f"camera lost: no sign of life for {LOST_AFTER_S:.0f} s")

    def close(self) -> None:
        """End the thread and release the socket."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
        self._socket.close(linger=0)

    def _receive_forever(self, inbox: Inbox) -> None:
        while not self._stopping.is_set():
            if not self._socket.poll(POLL_MS):
                continue
            header, *image = self._socket.recv_multipart()
            self._alive_s = time.monotonic()
            if image:
                inbox.put(_frame(json.loads(header), image[0]))


def _frame(header: dict[str, Any], data: bytes) -> Frame:
    pixels = np.frombuffer(data, np.uint8)
    complete = pixels.size == int(np.prod(header["shape"]))
    image = pixels.reshape(header["shape"]) if complete else pixels
    return Frame(image, header["frame_id"], header["captured_ns"], complete=complete, simulated=True)


def _connect(endpoint: str) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
    socket.setsockopt(zmq.RCVHWM, BUFFERS)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise ConfigError(f"camera.endpoint = '{endpoint}': {error.strerror.lower()}: give tcp://host:port") from error
    return socket
