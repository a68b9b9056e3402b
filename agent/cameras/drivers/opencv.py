"""Whatever OpenCV can capture from: V4L2, RTSP and other URLs, video files.

A thread fetches every frame as it comes, so that nothing grows old in a queue, and each is given the time at which it
was taken. A lost stream is a Fault, never reopened in here.
"""

from __future__ import annotations

import atexit
import threading
import time

import cv2
import numpy as np

from agent.camera_config import FREE_RUNNING, Mode, OpencvCamera
from agent.cameras.drivers.opencv_capture import open_capture
from agent.cameras.drivers.stream_clock import StreamClock
from agent.cameras.drivers.stream_damage import StreamDamage
from agent.cameras.inbox import Inbox
from agent.errors import CameraMissing, Fault
from agent.inspection import Frame
from agent.video_source import is_device, is_file, shown

SETTLED_NS = 300_000_000
CLOSE_S = 0.5
NO_PICTURE = np.zeros((0, 0), np.uint8)


class OpencvDriver:
    """Open, set up, and past whatever had piled up on the way. Frames are uint8 HxWx3 (BGR)."""

    def __init__(self, config: OpencvCamera, mode: Mode) -> None:
        self._name = f"camera {shown(config.source)}"
        self._device, self._file = is_device(config.source), is_file(config.source)
        self.simulated = self._file
        self._free_running = mode in FREE_RUNNING
        self._latency_ns = int((config.latency_ms or 0.0) * 1e6)
        self._timeout_s = config.read_timeout_ms / 1e3
        self._read_timeout_ns = int(config.read_timeout_ms * 1e6)
        self._clock, self._damage = StreamClock(self._read_timeout_ns), StreamDamage()
        self._guessed = False
        self._frame_id = 0
        self._asked_ns = self._served_ns = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._capture = open_capture(config)
        self._arrived_ns = time.monotonic_ns()
        if not self._file:
            self._settle(time.monotonic_ns() + int(config.open_timeout_ms * 1e6))

    def start(self, inbox: Inbox) -> None:
        """Free-running: every frame comes; else those that are asked for, and only they are decoded."""
        self._begun_ns = self._arrived_ns = time.monotonic_ns()
        self._thread = threading.Thread(target=self._run, args=(inbox,), name="camera", daemon=True)
        self._thread.start()

    def fire(self) -> None:
        """The first frame that is taken from now on."""
        self._asked_ns = time.monotonic_ns()

    def check(self) -> None:
        """Raise Fault when no frame has come for read_timeout_ms, whatever the thread may hang in."""
        silent_ns = time.monotonic_ns() - self._arrived_ns
        if silent_ns > self._read_timeout_ns and not self._file:
            raise Fault(f"{self._name} lost: no frame for {silent_ns / 1e9:.1f} s")

    def close(self) -> None:
        """End the thread, which releases the device; one that hangs in a read ends with that, and is not waited for."""
        self._stopping.set()
        if self._thread is None:
            self._capture.release()
            return
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():  # a thread that comes back from C++ into a Python that ends aborts the process
            atexit.register(self._thread.join, self._timeout_s)

    def _settle(self, until_ns: int) -> None:
        """Let pass what the stream has kept for us: it comes faster than it was taken, and is old."""
        begun_ns = time.monotonic_ns()
        try:
            while self._arrived_ns - max(begun_ns, self._clock.improved_ns) < SETTLED_NS:
                self._next_ns()
                if self._arrived_ns > until_ns:
                    raise Fault("it delivers old frames and does not catch up")
        except Fault as cause:
            self._capture.release()
            raise CameraMissing(f"{self._name}: {cause}") from cause

    def _run(self, inbox: Inbox) -> None:
        try:
            while not self._stopping.is_set():
                self._deliver(self._next_ns(), inbox)
        except Fault as cause:
            inbox.broken(Fault(f"{self._name} lost: {cause}"))
        finally:
            self._capture.release()

    def _next_ns(self) -> int:
        """Fetch the next frame, undecoded where the source allows that; when it was taken."""
        if not self._capture.grab():
            silent_s = (time.monotonic_ns() - self._arrived_ns) / 1e9
            ended = f"video ended after {self._frame_id} frames"
            raise Fault(ended if self._file else f"no frame after {silent_s:.1f} s: it has ended, or is cut off")
        self._arrived_ns = time.monotonic_ns()
        self._frame_id += 1
        presented_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if self._file:
            return self._wait_until(presented_ns)
        if self._device:  # the driver's own stamp, CLOCK_MONOTONIC; a few drivers know another clock, or none
            plausible = 0 <= self._arrived_ns - presented_ns < self._read_timeout_ns
            return (presented_ns if plausible else self._arrived_ns) - self._latency_ns
        if self._capture.get(cv2.CAP_PROP_PTS) == float(-(2**63)):  # then the other is made up
            return self._arrived_ns - self._latency_ns
        stands_alone = self._capture.get(cv2.CAP_PROP_FRAME_TYPE) == ord("I")
        self._guessed = self._damage.seen(presented_ns, stands_alone)
        return self._clock.captured_ns(presented_ns, self._arrived_ns) - self._latency_ns

    def _wait_until(self, presented_ns: int) -> int:
        """A file could be read faster than life."""
        due_ns = self._begun_ns + presented_ns
        self._stopping.wait(max(0, due_ns - time.monotonic_ns()) / 1e9)
        return due_ns

    def _deliver(self, captured_ns: int, inbox: Inbox) -> None:
        asked_ns = self._asked_ns
        if not self._free_running and not self._served_ns < asked_ns <= captured_ns:
            return
        self._served_ns = asked_ns
        decoded, image = self._capture.retrieve()
        inbox.put(
            Frame(
                np.asarray(image, np.uint8) if decoded else NO_PICTURE,
                self._frame_id,
                captured_ns,
                complete=decoded and not self._guessed,
                simulated=self.simulated,
                received_ns=time.monotonic_ns(),
            )
        )
