"""The simulated line's camera, over its wire: a frame arrives whenever the photo-eye fires, asked for or not."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from typing import Any

import numpy as np
import zmq

from agent.cameras.binding import Binder
from agent.config import SimulatedCamera, TriggerConfig
from agent.errors import ConfigError, Fault, NoDecision
from agent.inspection import Frame, Reason, Trigger

log = logging.getLogger(__name__)

BUFFERS = 32
LOST_AFTER_S = 2.0
POLL_MS = 100


class SimulatedDriver:
    """Connects to the simulator's camera endpoint; frames queue up in a thread of its own."""

    def __init__(self, config: SimulatedCamera, trigger: TriggerConfig) -> None:
        self._binder = Binder(int(trigger.tolerance_ms * 1e6))
        self._timeout_ns = int(trigger.frame_timeout_ms * 1e6)
        self._frames: deque[Frame] = deque(maxlen=BUFFERS)
        self._arrived = threading.Condition()
        self._alive_s = 0.0
        self._stopping = threading.Event()
        self._socket = _connect(config.endpoint)
        self._thread = threading.Thread(target=self._receive_forever, name="camera", daemon=True)
        self._thread.start()

    def wait_until_alive(self, timeout_s: float) -> bool:
        """True once the camera has given a sign of life."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._alive_s > 0, timeout_s)

    def grab(self, trigger: Trigger) -> Frame:
        """The frame that was exposed when the PLC saw this part, waited for no longer than it can matter."""
        give_up_ns = min(trigger.deadline_ns, self._binder.window_ns(trigger)[1] + self._timeout_ns)
        with self._arrived:
            while True:
                self._drop_older_than(self._binder.window_ns(trigger)[0])
                frame = self._binder.choose(trigger, list(self._frames), time.monotonic_ns() < give_up_ns)
                if frame is not None:
                    self._frames.remove(frame)
                    return frame
                self._give_up(trigger, give_up_ns)
                self._arrived.wait(max(0.0, (give_up_ns - time.monotonic_ns()) / 1e9))

    def check(self) -> None:
        """Raise Fault when the camera has given no sign of life for LOST_AFTER_S."""
        if time.monotonic() - self._alive_s > LOST_AFTER_S:
            raise Fault(f"camera lost: no sign of life for {LOST_AFTER_S:.0f} s")

    def close(self) -> None:
        """End the thread and release the socket."""
        self._stopping.set()
        self._thread.join(timeout=1.0)

    def _give_up(self, trigger: Trigger, give_up_ns: int) -> None:
        self.check()
        if time.monotonic_ns() >= give_up_ns:
            raise NoDecision(Reason.FRAME_TIMEOUT, f"no frame for trigger {trigger.seq}")

    def _drop_older_than(self, first_ns: int) -> None:
        """Frames of no trigger: a part the PLC did not announce, or one that was refused a photo."""
        while self._frames and self._frames[0].captured_ns < first_ns:
            log.warning("frame %d belongs to no trigger that is inspected: dropped", self._frames.popleft().frame_id)

    def _receive_forever(self) -> None:
        while not self._stopping.is_set():
            if not self._socket.poll(POLL_MS):
                continue
            header, *image = self._socket.recv_multipart()
            with self._arrived:
                self._alive_s = time.monotonic()
                if image:
                    self._frames.append(_frame(json.loads(header), image[0]))
                self._arrived.notify_all()
        self._socket.close(linger=0)


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
